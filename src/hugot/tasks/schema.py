"""What a task declares about its inputs and results.

A declaration is made once, by the task's class, and everything else is derived from it: the flags of
``hugot run`` and their help, keys of JSON, columns of CSV, Arrow types, sample inputs, reference tables.
Options are declared by the dataclass of the task's options.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple, TypeAlias


class Field(NamedTuple):
    """A part of an input, read from one key or column of a record.

    Attributes:
        name: names the flag ``--<name>-column``.
        key: its key in the dict that a pipeline takes. The first field's value is passed as it is if no
            other field is read.
        help: what it is, for the help of its flag.
        required: whether every record has it; it is then read from the key ``name``, otherwise only if
            the flag says from which key.
    """

    name: str
    key: str
    help: str
    required: bool = True

    @property
    def flag(self) -> str:
        """The flag that renames its key or column."""
        return f"--{self.name}-column"

    @property
    def parameter(self) -> str:
        """The name of the flag's parameter."""
        return f"{self.name}_column"


TEXT: Final = Field("input", "text", "Key or column of the text.")


@dataclass(frozen=True)
class Scalar:
    """A string or a number of a result, of one size in all formats."""

    name: Literal["string", "float32", "int32", "int64"]


STRING: Final = Scalar("string")
FLOAT32: Final = Scalar("float32")
INT32: Final = Scalar("int32")
INT64: Final = Scalar("int64")  # offsets in texts


@dataclass(frozen=True)
class Vector:
    """A vector of float32.

    Attributes:
        dimension: its size; None if the model's files do not say it, so that only a result does.
    """

    dimension: int | None


class Member(NamedTuple):
    """A key of a struct, its type, and its key in the style of hugot for Go if that is irregular."""

    name: str
    type: ResultType
    go_name: str | None = None

    @property
    def go_key(self) -> str:
        """The key in the style of hugot for Go: its words with capitals, without underscores."""
        return self.go_name or self.name.title().replace("_", "")


@dataclass(frozen=True)
class Struct:
    """A dict with fixed keys.

    Attributes:
        members: its keys, in order.
    """

    members: tuple[Member, ...]


@dataclass(frozen=True)
class ListOf:
    """A list of results of one type; a single result stands for a list of one.

    Attributes:
        item: the type of its items.
        nests: whether an input may have a list of such lists as its result. JSON has both; a column of
            Arrow has room for the plain list alone.
    """

    item: ResultType
    nests: bool = False


ResultType: TypeAlias = "Scalar | Vector | Struct | ListOf"


def struct(**members: ResultType) -> Struct:
    """Return a struct with these keys."""
    return Struct(tuple(map(Member, members, members.values())))


def input_value(values: dict[str, Any], fields: tuple[Field, ...]) -> Any:
    """Return what a pipeline takes for the values of a record's fields, by the names of the fields."""
    first = fields[0].name
    if len(values) == 1 and first in values:
        return values[first]
    keys = {field.name: field.key for field in fields}
    return {keys[name]: value for name, value in values.items()}
