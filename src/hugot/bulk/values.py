"""What a result looks like in a line of output."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# Keys of transformers → keys of hugot for Go.
GO_KEYS = {
    "entity": "Entity",
    "entity_group": "Entity",
    "score": "Score",
    "index": "Index",
    "word": "Word",
    "start": "Start",
    "end": "End",
    "label": "Label",
}


def keys_of(result_format: str) -> dict[str, str]:
    """How each key of a result is called in the format ``"hugot"`` or ``"transformers"``."""
    return GO_KEYS if result_format == "hugot" else {key: key for key in GO_KEYS}


def json_values(
    task: str, result_format: str, *, half: bool = False
) -> Callable[[Sequence[Any]], Sequence[Any]]:
    """What turns results into values for JSON: a list of dicts, or the vector.

    Scores are of numpy's float32, which prints with the fewest digits that give it back; with `half`
    vectors are rounded to float16.
    """
    keys = keys_of(result_format)
    float32 = np.float32

    def labelled(result: dict[str, Any]) -> dict[str, Any]:
        return {
            keys.get(key, key): float32(value) if key == "score" else value
            for key, value in result.items()
        }

    def listed(results: Sequence[Any]) -> Sequence[Any]:
        return [
            [labelled(each) for each in result] if isinstance(result, list) else [labelled(result)]
            for result in results
        ]

    def vectors(results: Sequence[Any]) -> Sequence[Any]:
        if not half:
            return results
        return [np.asarray(each).astype(np.float16) for each in results]

    return vectors if task == "feature-extraction" else listed
