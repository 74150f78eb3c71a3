from collections.abc import Sequence
from typing import Any

from typing_extensions import Buffer

FUNCTIONS: dict[str, int]

def top_k(scores: Buffer, order: Buffer, values: Buffer) -> None: ...
def classify(
    logits: Buffer,
    rows: Buffer | None,
    function: int,
    k: int,
    labels: Sequence[object],
    results: list[Any],
) -> None: ...
