"""A command whose flags are also those of the type that was chosen."""

from __future__ import annotations

import os
from typing import Any

import click

from hugot.cli.config import read_config
from hugot.cli.names import variable_name
from hugot.options import RuntimeOptions
from hugot.pipelines import pipeline_class, task_name, task_names

_TASKS = ("feature-extraction", "text-classification", "token-classification")
_FLAGS = "hugot.task_flags"
_RUNTIME_FLAGS = "hugot.runtime_flags"
# What the command has of its own, and defaults that are not the library's.
_OWN = frozenset({"batch_size"})
_DEFAULTS = {"aggregation_strategy": "simple", "mode": "throughput"}
# What is given several times is also there in the singular.
_SINGULAR: dict[str, tuple[str, ...]] = {
    "providers": ("--provider",),
    "plugins": ("--plugin",),
    "widths": ("--width",),
    "free_dimensions": ("--free-dimension",),
    "free_dimension_denotations": ("--free-dimension-denotation",),
    "custom_op_libraries": ("--custom-op-library",),
}
# Variables of the environment that are the library's, and no flags.
_LIBRARY_VARIABLES = frozenset({"HUGOT_MODELS", "HUGOT_ONNXRUNTIME"})
# Options of the runtime that have a flag of their own, or no use here.
_NO_FLAG = frozenset({"onnxruntime_library", "microbatch", "max_queue"})


class TaskCommand(click.Command):
    """A command with a parameter ``task`` and one ``config``.

    Options of the runtime and of the tasks become flags when something is given that is no flag of the
    command itself: making them takes time, and the classes of the tasks' options are in modules that
    import numpy, which would delay the loading of the model.
    """

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        for param in self.params:
            if isinstance(param, click.Option) and param.envvar is None:
                param.envvar = variable_name(_long_name(param))

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse, with the flags of the type where they are needed."""
        task = _peek(args, ("-t", "--type")) or os.environ.get("HUGOT_TYPE")
        config = _peek(args, ("--config",)) or os.environ.get("HUGOT_CONFIG")
        if config and not ctx.resilient_parsing:
            ctx.default_map = read_config(config, _own_name(task), list(_TASKS))
            task = task or ctx.default_map.get("type")
        if ctx.resilient_parsing or self._needs_more(ctx, args):
            ctx.meta[_RUNTIME_FLAGS] = runtime_flags()
            if ctx.resilient_parsing or self._needs_more(ctx, args):
                ctx.meta[_FLAGS] = task_flags(_own_name(task))
        self._check_config(ctx)
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            _blame_type(error.option_name, _own_name(task))
            raise

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """The command's own parameters, and the flags of the type."""
        own = super().get_params(ctx)
        more = [*ctx.meta.get(_FLAGS, ()), *ctx.meta.get(_RUNTIME_FLAGS, ())]
        return [*own[:-1], *more, own[-1]]  # --help is the last

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The flags of the command, of the type and of the runtime, each under a heading."""
        task = ctx.meta.get(_FLAGS, [])
        runtime = ctx.meta.get(_RUNTIME_FLAGS, [])
        own = [param for param in self.get_params(ctx) if param not in (*task, *runtime)]
        for heading, params in (
            ("Options", own),
            ("Options of the type", task),
            ("Options of the runtime", runtime),
        ):
            records = [record for param in params if (record := param.get_help_record(ctx))]
            if records:
                with formatter.section(heading):
                    formatter.write_dl(records)

    def _needs_more(self, ctx: click.Context, args: list[str]) -> bool:
        known: set[str] = set()
        for param in self.get_params(ctx):
            known.update((*param.opts, *param.secondary_opts))
        known -= {"--help", "-h"}
        given = [arg.partition("=")[0] for arg in args if arg.startswith("-") and arg != "-"]
        names = {_spelled(flag) for flag in known}
        return (
            any(flag not in known for flag in given if flag.startswith("--"))
            or "-h" in given
            or any(name not in names for name in ctx.default_map or ())
            or any(
                name.startswith("HUGOT_")
                and name not in _LIBRARY_VARIABLES
                and name.removeprefix("HUGOT_").lower() not in names
                for name in os.environ
            )
        )

    def _check_config(self, ctx: click.Context) -> None:
        """Have the file's settings under the parameters' names; raise UsageError for others."""
        if not ctx.default_map:
            return
        names = {
            _spelled(flag): param.name
            for param in self.get_params(ctx)
            for flag in (*param.opts, param.name or "")
        }
        for name in ctx.default_map:
            if name not in names:
                import difflib

                near = difflib.get_close_matches(name, names, n=1)
                hint = f"; did you mean {near[0]!r}?" if near else ""
                _blame_type("--" + name.replace("_", "-"), _own_name(ctx.default_map.get("type")))
                raise click.UsageError(f"--config: there is no setting {name!r}{hint}")
        ctx.default_map = {names[name]: value for name, value in ctx.default_map.items()}


def runtime_flags() -> list[click.Option]:
    """A flag for each option of the runtime."""
    from hugot.cli.flags import option_flags

    return option_flags(RuntimeOptions, leave_out=_NO_FLAG, defaults=_DEFAULTS, names=_SINGULAR)


def task_flags(task: str | None) -> list[click.Option]:
    """Flags of a task, or of all of them, each flag once."""
    from hugot.cli.flags import option_flags

    if task is not None:
        return option_flags(pipeline_class(task).options_type, leave_out=_OWN, defaults=_DEFAULTS)
    found: dict[str, click.Option] = {}
    for each in _TASKS:
        for flag in task_flags(each):
            name = flag.name or ""
            if name in found:
                continue
            flag.help = f"({each}) {flag.help}" if name != "truncation" else flag.help
            found[name] = flag
    return list(found.values())


def _blame_type(flag: str, task: str | None) -> None:
    """Raise UsageError where a flag is one of another type."""
    for owner in _TASKS:
        if task is not None and any(
            flag in (*each.opts, *each.secondary_opts) for each in task_flags(owner)
        ):
            raise click.UsageError(f"{flag} belongs to {owner}, not to {task}; leave it out")


def _own_name(task: str | None) -> str | None:
    return task_name(task) if task in task_names() else None


def _peek(args: list[str], flags: tuple[str, ...]) -> str | None:
    """The value of a flag, before all flags are known."""
    found = None
    for i, arg in enumerate(args):
        name, equals, value = arg.partition("=")
        if arg in flags and i + 1 < len(args):
            found = args[i + 1]
        elif equals and name in flags:
            found = value
    return found


def _spelled(flag: str) -> str:
    return flag.lstrip("-").replace("-", "_")


def _long_name(param: click.Option) -> str:
    """The name of the flag without capitals."""
    flags = [flag for flag in param.opts if flag.startswith("--") and flag == flag.lower()]
    return _spelled(flags[-1] if flags else param.opts[-1])


def task_options_given(task: str, values: dict[str, Any]) -> dict[str, Any]:
    """The options of a task among the values of all flags."""
    if not click.get_current_context().meta.get(_FLAGS):
        return {}
    from hugot.cli.flags import given_options

    given = given_options(pipeline_class(task).options_type, values)
    return {name: value for name, value in given.items() if name not in _OWN}


def runtime_options_given(values: dict[str, Any]) -> dict[str, Any]:
    """The options of the runtime among the values of all flags."""
    if not click.get_current_context().meta.get(_RUNTIME_FLAGS):
        return {}
    from hugot.cli.flags import given_options

    return given_options(RuntimeOptions, values)
