"""The command ``hugot``."""

from __future__ import annotations

import contextlib
import sys
from importlib import import_module
from typing import Any

import click

from hugot import __version__
from hugot.cli.streams import EXIT_SIGPIPE, drop_stdout, flush_stdout, open_standard_streams, why
from hugot.errors import HugotError
from hugot.tasks import similar_word

_EXIT_SIGINT = 130  # as shells report a program that an interrupt ended

# Command → the module that holds it, under its own name; imported when it is used.
_COMMANDS = {
    "bench": "hugot.cli.bench",
    "completion": "hugot.cli.commands",
    "download": "hugot.cli.commands",
    "info": "hugot.cli.info",
    "optimize": "hugot.cli.commands",
    "providers": "hugot.cli.commands",
    "run": "hugot.cli.run",
    "verify": "hugot.cli.commands",
}


class Commands(click.Group):
    """The commands of the table, imported when they are used."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that is given, until nobody reads its output any more."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # Not left to click, which ends with an error then.
            drop_stdout()
            raise click.exceptions.Exit(EXIT_SIGPIPE) from None

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return their names."""
        return sorted({*_COMMANDS, *super().list_commands(ctx)})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of a name, None if there is none."""
        if cmd_name not in _COMMANDS:
            return super().get_command(ctx, cmd_name)
        found: click.Command = getattr(import_module(_COMMANDS[cmd_name]), cmd_name)
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that is named first; raises UsageError with a similar name."""
        name = args[0]
        if self.get_command(ctx, name) is None and not name.startswith("-"):
            known = self.list_commands(ctx)
            similar = similar_word(name, known)
            meant = f"; did you mean {similar!r}?" if similar else f"; there are {', '.join(known)}"
            ctx.fail(f"there is no command {name!r}{meant}")
        return super().resolve_command(ctx, args)


@click.group(
    cls=Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="hugot")
@click.pass_context
def hugot(context: click.Context) -> None:
    """Run Hugging Face models from ONNX, without torch."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def main() -> None:
    """Run the command line; an error is one line on stderr."""
    open_standard_streams()
    sys.exit(_run())


def _run() -> int:
    """Run the command line; return the exit code."""
    code: Any
    try:
        code = hugot.main(prog_name="hugot", standalone_mode=False)
        flush_stdout()
    except click.ClickException as error:
        _report(error.format_message())
        code = error.exit_code
    except HugotError as error:
        _report(str(error))
        code = 1
    except (KeyboardInterrupt, click.Abort):
        code = _EXIT_SIGINT
    except BrokenPipeError:
        code = EXIT_SIGPIPE
    except OSError as error:
        drop_stdout()
        _report(str(error) if error.filename else f"the output cannot be written: {why(error)}")
        code = 1
    return code if isinstance(code, int) else 0


def _report(message: str) -> None:
    # If stderr is full or nobody reads it, the exit code remains.
    with contextlib.suppress(OSError):
        click.echo(f"hugot: {' '.join(message.split())}", err=True)
