"""Options that say which graph and which revision of a model to take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable

Command = TypeVar("Command", bound="Callable[..., Any]")

_OPTIONS = (
    click.option(
        "--variant",
        metavar="VARIANT",
        help="Which of several .onnx files: auto, fp32, fp16, int8 or a file name.  [default: auto]",
    ),
    click.option("--revision", help="Branch, tag or commit of the hub.  [default: main]"),
)


def model_choice(command: Command) -> Command:
    """Give a command the options that say which graph and which revision of a model to take."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
