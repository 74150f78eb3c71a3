"""Lines of output."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

if TYPE_CHECKING:
    from collections.abc import Callable

# orjson prints a float32 with the fewest digits that give it back.
_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE

# Keys of transformers → keys of hugot for Go.
_KEYS = {
    "entity": "Entity",
    "entity_group": "Entity",
    "score": "Score",
    "index": "Index",
    "word": "Word",
    "start": "Start",
    "end": "End",
    "label": "Label",
}


def formatter(task: str, result_format: str) -> Callable[[dict[str, Any], Any], bytes]:
    """What turns a line's fields and its result into a line of output."""
    keys = _KEYS if result_format == "hugot" else {key: key for key in _KEYS}

    def labelled(result: dict[str, Any]) -> dict[str, Any]:
        return {
            keys[key]: np.float32(value) if key == "score" else value
            for key, value in result.items()
        }

    def write(fields: dict[str, Any], result: Any) -> bytes:
        if task == "feature-extraction":
            output = result
        else:
            results = result if isinstance(result, list) else [result]
            output = [labelled(each) for each in results]
        return orjson.dumps({**fields, "output": output}, option=_OPTIONS)

    return write
