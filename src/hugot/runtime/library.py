"""Loading ONNX Runtime's library on a thread.

Whatever touches files is done before the thread begins: each access to a file lets go of the GIL, and
while another thread imports modules, getting it back takes up to 5 ms.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hugot._ort.loader import find_library
from hugot.runtime.background import Background

if TYPE_CHECKING:
    from os import PathLike

    from hugot._ort.library import Library


def begin_loading(path: str | PathLike[str] | None, *, telemetry: bool) -> Background[Library]:
    """Find the library now and load it on a thread; raises RuntimeLibraryError where there is none."""
    return Background(find_library(path, telemetry=telemetry), "hugot-library")


def load_ahead(path: Any, *, telemetry: Any) -> Background[Library] | None:
    """As `begin_loading`, for options that nobody has checked yet; None for what is wrong with them.

    The error is left to the session, which looks at its other options first.
    """
    try:
        return begin_loading(path, telemetry=bool(telemetry))
    except Exception:
        return None
