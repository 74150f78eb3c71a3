"""Options that several commands take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable

Command = TypeVar("Command", bound="Callable[..., Any]")

model_folder_option = click.option(
    "-f",
    "--modelFolder",
    "--model-folder",
    "model_folder",
    type=click.Path(file_okay=False),
    help="Where models are kept.  [default: ~/hugot/models]",
)
onnx_file_option = click.option(
    "--onnx-file", help="The .onnx file to take, where the model has several."
)
_MODEL_OPTIONS = (
    model_folder_option,
    click.option(
        "-s",
        "--onnxruntimeSharedLibrary",
        "--onnxruntime-shared-library",
        "library",
        type=click.Path(),
        help="ONNX Runtime library to use.  [default: the one found]",
    ),
    onnx_file_option,
)


def model_options(command: Command) -> Command:
    """Give a command the options that say where its model and ONNX Runtime are."""
    for option in reversed(_MODEL_OPTIONS):
        command = option(command)
    return command
