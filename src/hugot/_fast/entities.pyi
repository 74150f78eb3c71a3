from collections.abc import Collection, Sequence
from typing import Any

from typing_extensions import Buffer

from hugot._fast.joining import TokenJoiner
from hugot._fast.row_tokens import TokenStrings

class EntityRules:
    def __init__(
        self, strategy: int, labels: Sequence[object], ignored: Collection[str], delimiter: str
    ) -> None: ...

class EntityFinder:
    def __init__(
        self, label_tags: Buffer, label_begins: Buffer, strings: TokenStrings, joiner: TokenJoiner
    ) -> None: ...
    def find(
        self,
        logits: Buffer,
        batch: Any,
        rows: Buffer,
        left: bool,
        texts: Sequence[Any],
        rules: EntityRules,
        results: list[Any],
    ) -> None: ...
    def find_row(
        self, logits: Buffer, ids: list[int], encoding: Any, text: Any, rules: EntityRules
    ) -> list[Any]: ...
