from collections.abc import Mapping

from hugot._ort.library import Library

FIRST_PLUGIN_API: int

class Device:
    library: Library
    provider: str
    device_type: str
    vendor: str
    metadata: Mapping[str, str]

def register_plugin(library: Library, name: str, path: str) -> list[str]: ...
def registered_plugins(library: Library) -> dict[str, tuple[str, list[str]]]: ...
def list_devices(library: Library) -> list[Device]: ...
