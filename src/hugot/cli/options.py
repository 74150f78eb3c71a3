"""Flags that several commands take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

from hugot.cli.flags import option

if TYPE_CHECKING:
    from collections.abc import Callable

Command = TypeVar("Command", bound="Callable[..., Any]")

# A run that is resumed compares the model's files, not the flags that lead to them.
_MODEL_OPTIONS = (
    option(
        "-f",
        "--modelFolder",
        "--model-folder",
        "model_folder",
        type=click.Path(file_okay=False),
        help="Folder of downloaded models.  [default: ~/hugot/models]",
        same_answers=True,
    ),
    option(
        "--onnx-file", help="The .onnx file to use, if the model has several.", same_answers=True
    ),
    option(
        "--variant",
        metavar="VARIANT",
        help="Which of several .onnx files: auto, fp32, fp16, int8, q4 or a file name.  [default: auto]",
        same_answers=True,
    ),
    option(
        "--revision",
        help="Branch, tag or commit on the hub.  [default: main]",
        same_answers=True,
    ),
)

library_option = option(
    "-s",
    "--onnxruntimeSharedLibrary",
    "--onnxruntime-shared-library",
    "library",
    type=click.Path(),
    help="ONNX Runtime library to use.  [default: the one found]",
)


def model_options(command: Command) -> Command:
    """Add the flags that choose a graph and revision of a model, and the folder of models."""
    for each in reversed(_MODEL_OPTIONS):
        command = each(command)
    return command
