"""The command ``hugot``."""

from __future__ import annotations

import sys

import click

from hugot import __version__
from hugot.cli.optimize import optimize
from hugot.cli.providers import providers
from hugot.cli.run import run
from hugot.errors import HugotError

_EXIT_SIGINT = 130  # what a shell reports for a program that an interrupt ended


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="hugot")
def hugot() -> None:
    """Run Hugging Face transformer pipelines from ONNX exports."""


hugot.add_command(optimize)
hugot.add_command(providers)
hugot.add_command(run)


def main() -> None:
    """Run the command line; an error is one line on stderr."""
    try:
        code = hugot.main(prog_name="hugot", standalone_mode=False)
    except click.ClickException as error:
        _report(error.format_message())
        code = error.exit_code
    except HugotError as error:
        _report(str(error))
        code = 1
    except (KeyboardInterrupt, click.Abort):
        code = _EXIT_SIGINT
    sys.exit(code if isinstance(code, int) else 0)


def _report(message: str) -> None:
    click.echo(f"hugot: {' '.join(message.split())}", err=True)
