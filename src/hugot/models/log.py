"""The log of what was chosen for a model, and why: ``logging.getLogger("hugot.models")``."""

from __future__ import annotations

import sys
from typing import Any


def debug(message: str, *values: Any) -> None:
    """Tell something at level DEBUG.

    Where nobody has imported logging, nobody listens, and a start is spared the milliseconds it costs.
    """
    logging = sys.modules.get("logging")
    if logging is not None:
        logging.getLogger("hugot.models").debug(message, *values)
