"""The command ``hugot``."""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from hugot import __version__
from hugot.cli.run import run
from hugot.errors import HugotError

_EXIT_SIGPIPE = 141  # what a shell reports for a program that a closed pipe ended
_EXIT_SIGINT = 130


class _Group(click.Group):
    """Turns our exceptions into one line on stderr and a closed pipe into a quiet end."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except HugotError as error:
            click.echo(f"hugot: {' '.join(str(error).split())}", err=True)
            ctx.exit(1)
        except BrokenPipeError:
            # Python flushes stdout once more on its way out, and must find it open.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(_EXIT_SIGPIPE)
        except KeyboardInterrupt:
            ctx.exit(_EXIT_SIGINT)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="hugot")
def main() -> None:
    """Run Hugging Face transformer pipelines from ONNX exports."""


main.add_command(run)
