"""The optional packages of bulk work."""

from __future__ import annotations

from typing import Any

from hugot.errors import InputError


def require_arrow(what: str) -> Any:
    """The module `pyarrow`; raises InputError that names the extra where it is not installed."""
    try:
        import pyarrow
    except ImportError:
        raise InputError(
            f"{what} needs the package pyarrow, which is not installed: pip install 'hugot[arrow]'"
        ) from None
    return pyarrow
