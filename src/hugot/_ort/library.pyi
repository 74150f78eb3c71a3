from collections.abc import Iterable
from typing import Literal, overload

LINKED_SONAME: str
LINKED_PATH: str
OLDEST_MINOR: int
NEWEST_API: int
LOGGER: str

class Library:
    @property
    def path(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def api_version(self) -> int: ...
    @property
    def build_info(self) -> str: ...
    def available_providers(self) -> list[str]: ...

@overload
def open_library(
    name: str, *, loaded_only: Literal[False] = False, telemetry: bool = False
) -> Library: ...
@overload
def open_library(name: str, *, loaded_only: bool, telemetry: bool = False) -> Library | None: ...
def log_messages(
    messages: Iterable[tuple[float, int, str, str]], dropped: int, raised: str
) -> None: ...
