from typing import Literal, overload

LINKED_SONAME: str
LINKED_PATH: str
OLDEST_MINOR: int
NEWEST_API: int

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
