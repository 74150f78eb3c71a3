"""Flags made of classes of options: names, types, choices and help are those of the library."""

from __future__ import annotations

import collections.abc
import os
import re
import types
import typing
from dataclasses import fields
from typing import Any, Literal, Union, get_args, get_origin

import click

from hugot.cli.flag_types import Provider, Setting, Value
from hugot.cli.names import flag_name, variable_name
from hugot.options import NOT_GIVEN

_TRUE = ("true", "yes", "on", "1")
_FALSE = ("false", "no", "off", "0")
# What annotations name that a module imports for type checkers alone.
_NAMES = {
    "Mapping": collections.abc.Mapping,
    "Sequence": collections.abc.Sequence,
    "PathLike": os.PathLike,
    "os": os,
    "Any": Any,
}


def option_flags(
    kind: type[Any],
    *,
    leave_out: frozenset[str] = frozenset(),
    defaults: dict[str, Any] | None = None,
    names: dict[str, tuple[str, ...]] | None = None,
) -> list[click.Option]:
    """A flag for each field of a class of options whose type a command line can express.

    A flag that is not given leaves the field out: its value is then None.

    Args:
        kind: a dataclass whose docstring tells its ``Attributes``.
        leave_out: fields without a flag.
        defaults: values of fields that are not given, for the help.
        names: further flags of a field.
    """
    hints = _hints(kind)
    helps = attribute_helps(kind)
    made = []
    for field in fields(kind):
        if field.name in leave_out:
            continue
        shown = (defaults or {}).get(field.name)
        text = helps.get(field.name, "")
        if shown is not None:
            text += f"  [default here: {shown}]"
        option = _flag(field.name, hints[field.name], field.default, text, names or {})
        if option is not None:
            made.append(option)
    return made


def given_options(kind: type[Any], values: dict[str, Any]) -> dict[str, Any]:
    """What was given of a class of options, as its fields take it."""
    hints = _hints(kind)
    given = {}
    for field in fields(kind):
        value = values.get(field.name)
        if value is None or value == ():
            continue
        if value is Nothing:
            value = None
        members = _members(hints[field.name])
        if isinstance(value, tuple) and _mapping(members) is not None:
            value = dict(value)
        elif isinstance(value, tuple) and str in members and len(value) == 1:
            value = value[0]  # the option takes one or several
        given[field.name] = value
    return given


class Nothing:
    """What stands for an option's None, since None is a flag that is not given."""


def _flag(
    name: str, hint: Any, default: Any, text: str, names: dict[str, tuple[str, ...]]
) -> click.Option | None:
    flags = [name, flag_name(name), *names.get(name, ())]
    more: dict[str, Any] = {"help": text, "default": None, "envvar": variable_name(name)}
    members = _members(hint)
    mapping, sequence = _mapping(members), _sequence(members)
    words = {word: word for member in members for word in _words(member)}
    if name == "providers":
        return click.Option(flags, type=Provider(), multiple=True, metavar="NAME", **more)
    if mapping is not None:
        return click.Option(
            flags, type=Setting(mapping), multiple=True, metavar="KEY=VALUE", **more
        )
    if sequence is not None:
        shown = {int: "INTEGER", float: "NUMBER"}.get(sequence, "TEXT")
        return click.Option(flags, type=sequence, multiple=True, metavar=shown, **more)
    truths = bool in members
    if truths and not words and len(members) == 1:
        return click.Option([name, f"{flag_name(name)}/--no-{flag_name(name)[2:]}"], **more)
    if truths:
        switches = {**dict.fromkeys(_TRUE, True), **dict.fromkeys(_FALSE, False)}
        if not words:
            return click.Option([name, f"{flag_name(name)}/--no-{flag_name(name)[2:]}"], **more)
        return click.Option(flags, type=Value({**switches, **words}, None), **more)
    values: dict[str, Any] = dict(words)
    if default is NOT_GIVEN:
        values["none"] = Nothing  # None has a meaning of its own
    number = int if int in members else float if float in members else None
    if number is None and not words and (str in members or os.PathLike in members):
        return click.Option(flags, type=str, metavar="TEXT", **more)
    if number is None and not words:
        return None
    return click.Option(flags, type=Value(values, number), **more)


def _members(hint: Any) -> tuple[Any, ...]:
    """The types of a union, without None; those of its literals one by one."""
    origin = get_origin(hint)
    if origin is Union or origin is types.UnionType:
        return tuple(each for part in get_args(hint) for each in _members(part))
    if hint is type(None) or hint is Any:
        return ()
    if origin is not None and isinstance(origin, type) and issubclass(origin, os.PathLike):
        return (os.PathLike,)
    return (hint,)


def _mapping(members: tuple[Any, ...]) -> type[Any] | None:
    """The type of the values of a mapping from str, where the members have one."""
    for member in members:
        if get_origin(member) in (collections.abc.Mapping, dict):
            values = _members(get_args(member)[1])
            return next((kind for kind in (str, int, float) if kind in values), str)
    return None


def _sequence(members: tuple[Any, ...]) -> type[Any] | None:
    """The type of the items of a list, where the members have one."""
    for member in members:
        if get_origin(member) in (collections.abc.Sequence, list, tuple):
            items = _members(get_args(member)[0])
            return next((kind for kind in (str, int, float) if kind in items), str)
    return None


def _words(member: Any) -> list[str]:
    if get_origin(member) is not Literal:
        return []
    return [word for word in get_args(member) if isinstance(word, str)]


def _hints(kind: type[Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(kind, localns=_NAMES)
    except NameError:  # a type that only type checkers know: its flag takes text
        return {field.name: str for field in fields(kind)}


def attribute_helps(kind: type[Any]) -> dict[str, str]:
    """What the ``Attributes`` of a docstring, its own or an inherited one, say of each."""
    helps: dict[str, str] = {}
    for each in reversed(kind.__mro__):
        _, _, text = (each.__doc__ or "").partition("Attributes:\n")
        for name, told in re.findall(r"^ {8}(\w+): (.*?)(?=^ {8}\w+: |\Z)", text, re.M | re.S):
            sentence = " ".join(told.replace("``", "").replace("`", "").split())
            helps[name] = sentence[:1].upper() + sentence[1:]
    return helps
