"""The log of how a model was found and read, ``hugot.models``."""

from __future__ import annotations

import sys
from typing import Any


def debug(message: str, *values: Any) -> None:
    """Log a message to ``hugot.models`` at level DEBUG.

    If logging is not imported, nobody has set a level that low, and importing it would slow the start.
    """
    logging = sys.modules.get("logging")
    if logging is not None:
        logging.getLogger("hugot.models").debug(message, *values)
