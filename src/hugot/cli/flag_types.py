"""Types of flags: what is written on a command line, as an option of the library has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import click

# Generic for type checkers alone: older versions of click have it plain.
if TYPE_CHECKING:
    ParamType: TypeAlias = click.ParamType[Any]
else:
    ParamType = click.ParamType


class Value(ParamType):
    """One of several words, a number, or free text, as an option of the library has it."""

    name = "value"

    def __init__(
        self, words: dict[str, Any], kind: type[Any] | None, shown: str | None = None
    ) -> None:
        self.words = words
        self.kind = kind
        self._shown = shown

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """The value of the option; fails with the values that it can have."""
        if not isinstance(value, str):
            return value
        if value.lower() in self.words:
            return self.words[value.lower()]
        if self.kind is str:
            return value
        if self.kind is not None:
            try:
                return self.kind(value)
            except ValueError:
                pass
        wanted = [*([f"a number ({self.kind.__name__})"] if self.kind else []), *self.words]
        return self.fail(f"{value!r} is not one of: {', '.join(wanted)}", param, ctx)

    def get_metavar(self, param: Any, ctx: Any = None) -> str | None:
        """The values, for the help."""
        if self._shown:
            return self._shown
        kinds = {int: ["INTEGER"], float: ["NUMBER"], str: ["TEXT"]}.get(self.kind, [])  # type: ignore[arg-type]
        words = [
            *kinds,
            *(word for word in self.words if word not in ("yes", "on", "1", "no", "off", "0")),
        ]
        return words[0] if len(words) == 1 and kinds else f"[{'|'.join(words)}]"

    def shell_complete(self, ctx: Any, param: Any, incomplete: str) -> Any:
        """The words that begin so."""
        from click.shell_completion import CompletionItem

        return [CompletionItem(word) for word in self.words if word.startswith(incomplete)]


class Setting(ParamType):
    """``KEY=VALUE``."""

    name = "key=value"

    def __init__(self, kind: type[Any]) -> None:
        self.kind = kind

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """The pair of key and value."""
        if isinstance(value, tuple):
            return value
        key, equals, text = value.partition("=")
        if not key or not equals:
            self.fail(f"{value!r} is not KEY=VALUE", param, ctx)
        try:
            return key, self.kind(text)
        except ValueError:
            self.fail(f"{text!r} is not of type {self.kind.__name__}", param, ctx)


class Provider(ParamType):
    """``NAME``, or ``NAME:KEY=VALUE,KEY=VALUE``."""

    name = "provider"

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """The name, or the pair of name and settings."""
        if not isinstance(value, str) or ":" not in value:
            return value
        name, _, rest = value.partition(":")
        settings = [item.partition("=") for item in rest.split(",")]
        if not all(key and equals for key, equals, _ in settings):
            self.fail(f"{value!r} is not NAME:KEY=VALUE,KEY=VALUE", param, ctx)
        return name, {key: text for key, _, text in settings}
