"""Flags of options: made from a class of options, whose names, types, choices and help they have."""

from __future__ import annotations

import collections.abc
import os
import types
import typing
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, Union, get_args, get_origin

import click

from hugot.options import NOT_GIVEN, attribute_docs

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Mapping

    ParamType: TypeAlias = click.ParamType[Any]
else:
    ParamType = (
        click.ParamType
    )  # generic for type checkers alone: older versions of click have it plain

_SWITCH: Final = {
    **dict.fromkeys(("true", "yes", "on", "1"), True),
    **dict.fromkeys(("false", "no", "off", "0"), False),
}
_METAVARS: Final = {int: "INTEGER", float: "NUMBER", str: "TEXT"}
# Names in annotations of options that modules import for type checkers alone.
_NAMES: Final = {
    "Mapping": collections.abc.Mapping,
    "Sequence": collections.abc.Sequence,
    "PathLike": os.PathLike,
    "os": os,
    "Any": Any,
}


class NoneValue:
    """The type of `NONE`."""

    def __str__(self) -> str:
        return "none"


NONE: Final = NoneValue()  # the value None of an option; None as such is a flag that is not given


class Option(click.Option):
    """A flag.

    Args:
        same_answers: whether a run that is resumed may have another value.
    """

    def __init__(self, *args: Any, same_answers: bool = False, **more: Any) -> None:
        super().__init__(*args, **more)
        self.same_answers = same_answers

    @property
    def setting(self) -> str:
        """Its name in a file of settings: that of the last flag without capitals."""
        flags = [flag for flag in self.opts if flag.startswith("--") and flag == flag.lower()]
        return setting_name(flags[-1] if flags else self.opts[-1])


def option(*flags: str, same_answers: bool = False, **more: Any) -> Callable[[Any], Any]:
    """Return a decorator that adds a flag to a command; see `Option`."""
    return click.option(*flags, cls=Option, same_answers=same_answers, **more)


def flag_name(name: str) -> str:
    """Return the flag of an option: ``--top-k`` for ``top_k``."""
    return "--" + name.replace("_", "-")


def setting_name(flag: str) -> str:
    """Return the name of a flag in a file of settings: ``top_k`` for ``--top-k``."""
    return flag.lstrip("-").replace("-", "_")


def variable_name(setting: str) -> str:
    """Return the environment variable of a setting: ``HUGOT_TOP_K`` for ``top_k``."""
    return "HUGOT_" + setting.upper()


def option_flags(
    kind: type[Any],
    *,
    leave_out: Container[str] = (),
    defaults: Mapping[str, Any] | None = None,
) -> list[Option]:
    """Return a flag for each field of a class of options whose type a command line can express.

    The value of a flag that is not given is None. A flag that can be repeated has a singular as well.

    Args:
        kind: a dataclass; the ``Attributes`` of its docstring are the help. A field whose metadata
            has ``same_answers`` may have another value in a run that is resumed, and one with
            ``"flag": False`` has no flag.
        leave_out: flags that are not made, such as those that a command has itself.
        defaults: values of fields that are not given, for the help.
    """
    hints = typing.get_type_hints(kind, localns=_NAMES)
    helps = attribute_docs(kind)
    made = []
    for field in fields(kind):
        if flag_name(field.name) in leave_out or not field.metadata.get("flag", True):
            continue
        details = _flag_details(hints[field.name], field.default)
        if details is None:
            continue
        text = helps.get(field.name, "")
        if defaults and field.name in defaults:
            text += f"  [default here: {defaults[field.name]}]"
        flags = [flag for flag in _flags(field.name, details) if flag not in leave_out]
        made.append(
            Option(
                [field.name, *flags],
                help=text,
                default=None,
                envvar=variable_name(field.name),
                same_answers=field.metadata.get("same_answers", False),
                **details,
            )
        )
    return made


def given_options(flags: Iterable[Option], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that are given, among the values of all flags, as the library takes them."""
    named = {str(flag.name): values.get(str(flag.name)) for flag in flags}
    return {
        name: None if value is NONE else value
        for name, value in named.items()
        if value is not None and value != ()
    }


def _flags(name: str, details: Mapping[str, Any]) -> list[str]:
    flag = flag_name(name)
    if details.get("is_flag"):
        return [f"{flag}/--no-{flag[2:]}"]
    if not details.get("multiple") or not name.endswith("s"):
        return [flag]
    return [flag, flag[:-3] + "y" if name.endswith("ies") else flag[:-1]]


def _flag_details(hint: Any, default: Any) -> dict[str, Any] | None:
    """Return arguments of `click.Option` for a type; None if a command line cannot express it."""
    kinds = _members(hint)
    if (values := _items(kinds, collections.abc.Mapping)) is not None:
        type_ = KeyValue(bool if bool in values else _first_plain(values))
        return {"type": type_, "multiple": True, "metavar": "KEY=VALUE", "callback": _as_dict}
    if (items := _items(kinds, collections.abc.Sequence)) is not None:
        if any(get_origin(item) is tuple for item in items):
            return {"type": NameWithSettings(), "multiple": True, "metavar": "NAME"}
        plain = _first_plain(items)
        callback = _as_one_or_several if plain in kinds else None
        metavar = _METAVARS[plain]
        return {"type": plain, "multiple": True, "metavar": metavar, "callback": callback}
    words: dict[str, Any] = {word: word for kind in kinds for word in _words(kind)}
    if bool in kinds:
        return {"type": Choice({**_SWITCH, **words})} if words else {"is_flag": True}
    if default is NOT_GIVEN:
        words["none"] = NONE
    number = next((kind for kind in (int, float) if kind in kinds), None)
    if number is not None or words:
        return {"type": Choice(words, number)}
    if str in kinds or os.PathLike in kinds:
        return {"type": str, "metavar": _METAVARS[str]}
    return None


def _as_dict(context: Any, param: Any, pairs: Iterable[tuple[str, Any]] | None) -> Any:
    return dict(pairs) if pairs else None


def _as_one_or_several(context: Any, param: Any, values: tuple[Any, ...] | None) -> Any:
    return values[0] if values and len(values) == 1 else values


def _members(hint: Any) -> tuple[Any, ...]:
    """Return the types of a union, without None; a path of str or bytes is a `os.PathLike`."""
    origin = get_origin(hint)
    if origin is Union or origin is types.UnionType:
        return tuple(each for part in get_args(hint) for each in _members(part))
    if hint is type(None) or hint is Any:
        return ()
    if isinstance(origin, type) and issubclass(origin, os.PathLike):
        return (os.PathLike,)
    return (hint,)


def _items(kinds: Iterable[Any], container: type[Any]) -> tuple[Any, ...] | None:
    """Return the types of the items of a list, or of the values of a mapping, that is among types."""
    for kind in kinds:
        origin = get_origin(kind)
        if origin is not Literal and isinstance(origin, type) and issubclass(origin, container):
            at = 1 if container is collections.abc.Mapping else 0
            return _members(get_args(kind)[at])
    return None


def _first_plain(kinds: Iterable[Any]) -> type[Any]:
    return next((kind for kind in (str, int, float) if kind in kinds), str)


def _words(kind: Any) -> list[str]:
    if get_origin(kind) is not Literal:
        return []
    return [word for word in get_args(kind) if isinstance(word, str)]


class Choice(ParamType):
    """One of several words, or a number.

    Args:
        words: word → value of the option.
        number: the type of the number, if one can be given.
    """

    name = "choice"

    def __init__(self, words: dict[str, Any], number: type[Any] | None = None) -> None:
        self.words = words
        self.number = number

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """Return the value of the option; fails with the values that it can have."""
        if not isinstance(value, str):
            return value
        if value.lower() in self.words:
            return self.words[value.lower()]
        if self.number is not None:
            try:
                return self.number(value)
            except ValueError:
                pass
        numbers = [f"a number ({self.number.__name__})"] if self.number else []
        return self.fail(
            f"{value!r} is not one of: {', '.join([*numbers, *self.words])}", param, ctx
        )

    def get_metavar(self, param: Any, ctx: Any = None) -> str | None:
        """Return the values for the help, of the words of a switch the first two."""
        shown = [word for word in self.words if word in ("true", "false") or word not in _SWITCH]
        if self.number is None:
            return f"[{'|'.join(shown)}]"
        number = _METAVARS[self.number]
        return f"[{'|'.join([number, *shown])}]" if shown else number

    def shell_complete(self, ctx: Any, param: Any, incomplete: str) -> Any:
        """Return the words that begin like this."""
        from click.shell_completion import CompletionItem

        return [CompletionItem(word) for word in self.words if word.startswith(incomplete)]


class KeyValue(ParamType):
    """``KEY=VALUE``, as a pair.

    Args:
        kind: the type of the value, or a function that makes it; a bool is written as for a switch, such
            as ``true`` or ``no``.
    """

    name = "key=value"

    def __init__(self, kind: Callable[[str], Any]) -> None:
        self.kind = kind

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """Return the pair of key and value."""
        if isinstance(value, tuple):
            return value
        key, equals, text = value.partition("=")
        if not key or not equals:
            self.fail(f"{value!r} is not KEY=VALUE", param, ctx)
        try:
            return key, _SWITCH[text.lower()] if self.kind is bool else self.kind(text)
        except (KeyError, ValueError):
            wanted = f"of type {self.kind.__name__}" if isinstance(self.kind, type) else "a number"
            self.fail(f"{text!r} is not {wanted}", param, ctx)


def number_of(text: str) -> bool | int | float:
    """Return the number or the truth value that a text stands for; raises ValueError for others."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        return int(text)
    except ValueError:
        return float(text)


class NameWithSettings(ParamType):
    """``NAME``, or ``NAME:KEY=VALUE,KEY=VALUE`` as a pair of a name and a dict."""

    name = "name"

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """Return the name, or the pair of name and settings."""
        if not isinstance(value, str) or ":" not in value:
            return value
        name, _, rest = value.partition(":")
        settings = [item.partition("=") for item in rest.split(",")]
        if not all(key and equals for key, equals, _ in settings):
            self.fail(f"{value!r} is not NAME:KEY=VALUE,KEY=VALUE", param, ctx)
        return name, {key: text for key, _, text in settings}
