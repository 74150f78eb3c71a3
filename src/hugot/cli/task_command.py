"""A command with the flags of the task that is chosen, and with settings of a file and of variables."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from hugot.cli.flags import Option, flag_name, given_options, setting_name, variable_name
from hugot.cli.run_flags import column_flags, runtime_flags, task_flags, tasks_with_flag
from hugot.tasks import SPECS, similar_word, task_names, task_spec

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# Headings of the flags that are made from declarations.
COLUMNS: Final = "Keys and columns of the input"
TASK: Final = "Options of the type"
RUNTIME: Final = "Options of the runtime"
_MADE: Final = "hugot.made_flags"
# Environment variables of the library, which are no flags.
_LIBRARY_VARIABLES: Final = frozenset({"HUGOT_MODELS", "HUGOT_ONNXRUNTIME"})


class TaskCommand(click.Command):
    """A command with a parameter ``task`` and one ``config``.

    Options of the runtime and fields and options of the task become flags if something is given that is
    no flag of the command itself: making them takes time, and the modules of tasks import numpy, which
    would delay the loading of the model.
    """

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        for param in _options(self.params):
            param.envvar = variable_name(param.setting)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the flags, with those of the runtime and of the task if they are needed."""
        given, others = self._look_ahead(ctx, args)
        task = given.get("task") or os.environ.get("HUGOT_TYPE")
        path = given.get("config") or os.environ.get("HUGOT_CONFIG")
        settings: dict[str, Any] = {}
        if path and not ctx.resilient_parsing:
            settings, task = _read_settings(path, task)
        task = task_spec(task).name if task in task_names() else None
        help_option = self.get_params(ctx)[-1]
        all_flags = ctx.resilient_parsing or help_option.name in given
        wanted = {*others, *settings, *_variables()}
        if all_flags or wanted - self._settings(ctx):
            made = ctx.meta[_MADE] = {RUNTIME: runtime_flags()}
            if all_flags or wanted - self._settings(ctx):
                own = {flag for param in self.params for flag in param.opts}
                made |= {COLUMNS: column_flags(task), TASK: task_flags(task, leave_out=own)}
        if settings:
            ctx.default_map = self._defaults(ctx, settings, task)
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            _refuse_flag_of_another_task(error.option_name, task)
            raise

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the command's own parameters, and the flags that were made."""
        *own, help_option = super().get_params(ctx)
        return [*own, *_made(ctx, COLUMNS), *_made(ctx, TASK), *_made(ctx, RUNTIME), help_option]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the flags of the command, of the task and of the runtime, each under a heading."""
        groups: dict[str, Sequence[click.Parameter]] = {
            "Options": super().get_params(ctx),
            **{heading: _made(ctx, heading) for heading in (COLUMNS, TASK, RUNTIME)},
        }
        for heading, params in groups.items():
            records = [record for param in params if (record := param.get_help_record(ctx))]
            if records:
                with formatter.section(heading):
                    formatter.write_dl(records)

    def _look_ahead(self, ctx: click.Context, args: list[str]) -> tuple[dict[str, Any], set[str]]:
        """Return the values of the command's own flags, and the names of all others that are given."""
        lenient = click.Context(
            self, ctx.parent, ignore_unknown_options=True, resilient_parsing=True
        )
        given, rest, _ = self.make_parser(lenient).parse_args(list(args))
        return given, {
            setting_name(arg.partition("=")[0])
            for arg in rest
            if arg.startswith("-") and arg != "-"
        }

    def _settings(self, ctx: click.Context) -> set[str]:
        """Return the names of all flags."""
        return {
            setting_name(flag)
            for param in self.get_params(ctx)
            for flag in (*param.opts, *param.secondary_opts)
        }

    def _defaults(
        self, ctx: click.Context, settings: dict[str, Any], task: str | None
    ) -> dict[str, Any]:
        """Return settings of a file by the names of their parameters; raise UsageError for others."""
        params = {
            name: param
            for param in _options(self.get_params(ctx))
            for name in (str(param.name), *map(setting_name, param.opts))
        }
        defaults = {}
        for name, value in settings.items():
            if name not in params:
                _refuse_flag_of_another_task(flag_name(name), task)
                near = similar_word(name, params)
                hint = f"; did you mean {near!r}?" if near else ""
                raise click.UsageError(f"--config: there is no setting {name!r}{hint}")
            param = params[name]
            if isinstance(value, dict):
                value = list(value.items())
            several = param.multiple and not isinstance(value, list)
            defaults[str(param.name)] = [value] if several else value
        return defaults


def options_given(ctx: click.Context, heading: str) -> dict[str, Any]:
    """Return the options under a heading that are given, as the library takes them."""
    return given_options(_made(ctx, heading), ctx.params)


def settings_to_keep(ctx: click.Context) -> dict[str, Any]:
    """Return the settings that are given and that a run must keep if it is resumed.

    Those of flags that can be repeated are lists, also of pairs of a key and a value.
    """
    settings = {}
    for param in _options(ctx.command.get_params(ctx)):
        value = ctx.params[str(param.name)]
        if param.same_answers or value is None or value == ():
            continue
        if isinstance(value, dict):
            value = list(value.items())
        elif param.multiple and not isinstance(value, tuple):
            value = [value]
        settings[str(param.name)] = value
    return settings


def _options(params: Iterable[click.Parameter]) -> list[Option]:
    return [param for param in params if isinstance(param, Option)]


def _made(ctx: click.Context, heading: str) -> list[Option]:
    found: list[Option] = ctx.meta.get(_MADE, {}).get(heading, [])
    return found


def _variables() -> set[str]:
    """Return the names of the settings for which there are environment variables."""
    return {
        name.removeprefix("HUGOT_").lower()
        for name in os.environ
        if name.startswith("HUGOT_") and name not in _LIBRARY_VARIABLES
    }


def _read_settings(path: str, task: str | None) -> tuple[dict[str, Any], str | None]:
    """Return the settings of a TOML file by name, and the task: the one given, else the file's.

    ``top-k`` is ``top_k``. A table that is named as a task holds settings for that task alone.

    Raises UsageError for a file that cannot be read.
    """
    import tomllib

    try:
        settings = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise click.UsageError(f"--config {path} cannot be read: {error}") from None
    task = task or settings.get("type")
    chosen = task_spec(task).name if task in task_names() else None
    for spec in SPECS:
        own = settings.pop(spec.name, {})
        if not isinstance(own, dict):
            raise click.UsageError(f"--config: {spec.name} is a table of settings, not {own!r}")
        if spec.name == chosen:
            settings.update(own)
    return {setting_name(name): value for name, value in settings.items()}, task


def _refuse_flag_of_another_task(flag: str, task: str | None) -> None:
    """Raise UsageError for a flag that other tasks have."""
    owners = tasks_with_flag(flag) if task is not None else []
    if owners:
        raise click.UsageError(
            f"{flag} belongs to {', '.join(owners)}, not to {task}; leave it out"
        )
