"""Declarations of the inputs and results of tasks.

The class of a task declares them, and everything else is derived from this: the flags of ``hugot run``
and their help, keys of JSON, columns of CSV, Arrow types, sample inputs, reference tables. Options are
declared by the dataclass of the task's options.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Field(NamedTuple):
    """A part of an input, read from one key or column of a record.

    Attributes:
        name: the name in the flag ``--<name>-column``.
        key: its key in the dict that a pipeline takes. If only the first field is read, its value is
            passed instead of a dict.
        help: its description, for the help of its flag.
        required: whether every record has it. Without the flag, it is then read from the key that
            equals `name`; a field that is not required is not read.
        if_present: whether a field that is not required is nevertheless read from that key, of records
            that have it; it may be null, and may hold lists of texts.
        exclusive: whether a record has this field or another exclusive one. If a flag names the key of
            one, the others are not read.
        is_list: whether it holds a list of texts; in CSV, the list is JSON.
    """

    name: str
    key: str
    help: str
    required: bool = True
    if_present: bool = False
    exclusive: bool = False
    is_list: bool = False

    @property
    def default_column(self) -> str | None:
        """The key or column that it is read from without the flag; None if it is not read."""
        return self.name if self.required or self.if_present else None

    @property
    def flag(self) -> str:
        """The flag that sets its key or column."""
        return f"--{self.name.replace('_', '-')}-column"

    @property
    def parameter(self) -> str:
        """The name of the flag's parameter."""
        return f"{self.name}_column"


TEXT: Final = Field("input", "text", "Key or column of the text.")


class Scalar(NamedTuple):
    """A string or a number in a result."""

    name: Literal["string", "float32", "int32", "int64"]


STRING: Final = Scalar("string")
FLOAT32: Final = Scalar("float32")
INT32: Final = Scalar("int32")
INT64: Final = Scalar("int64")  # offsets in texts


class Vector(NamedTuple):
    """A vector of float32.

    Attributes:
        dimension: its size; None if the model's files do not state it.
    """

    dimension: int | None


class Member(NamedTuple):
    """A key of a struct, its type, and its key in the style of hugot for Go if that is irregular."""

    name: str
    type: ResultType
    go_name: str | None = None

    @property
    def go_key(self) -> str:
        """The key in the style of hugot for Go: capitalized words without underscores."""
        return self.go_name or self.name.title().replace("_", "")


class Struct(NamedTuple):
    """A dict with fixed keys.

    Attributes:
        members: its keys, in order.
    """

    members: tuple[Member, ...]


class ListOf(NamedTuple):
    """A list of results of one type; a single result is treated as a list of one.

    Attributes:
        item: the type of its items.
        nests: whether an input may have a list of such lists as its result. JSON has both; a column of
            Arrow has room for the plain list alone.
    """

    item: ResultType
    nests: bool = False


class OneOf(NamedTuple):
    """A list, or another result, as each record decides. A column has no room for both.

    Attributes:
        plain: the type of a result that is no list.
        listed: the type of a list.
    """

    plain: ResultType
    listed: ListOf


ResultType: TypeAlias = "Scalar | Vector | Struct | ListOf | OneOf"


def fields_read(fields: Iterable[Field], given: Mapping[str, str | None]) -> dict[str, str]:
    """Return the key or column of each field that is read, by the name of the field.

    Args:
        fields: the fields of a task.
        given: parameter of a field → the key or column that was chosen for it, if any.
    """
    listed = [*fields]
    chosen = any(field.exclusive and given.get(field.parameter) for field in listed)
    columns = {}
    for field in listed:
        column = given.get(field.parameter)
        if not column and not (field.exclusive and chosen):
            column = field.default_column
        if column:
            columns[field.name] = column
    return columns


def open_fields(fields: Iterable[Field], columns: Mapping[str, str]) -> list[Field]:
    """Return the exclusive fields among those that are read, if each record decides which it has."""
    found = [field for field in fields if field.exclusive and field.name in columns]
    return found if len(found) > 1 else []


def struct(**members: ResultType) -> Struct:
    """Return a struct with these keys."""
    return Struct(tuple(map(Member, members, members.values())))
