from typing_extensions import Buffer

STRATEGIES: dict[str, int]

def subwords_by_length(
    ids: Buffer, spans: Buffer, token_lengths: Buffer, unknown_id: int, out: Buffer
) -> None: ...
def subwords_by_blank(
    ids: Buffer, spans: Buffer, text: Buffer, unknown_id: int, out: Buffer
) -> None: ...
def aggregate(
    scores: Buffer,
    special: Buffer,
    subword: Buffer,
    strategy: int,
    label_tags: Buffer,
    label_begins: Buffer,
    tokens: Buffer,
    units: Buffer,
    unit_scores: Buffer,
    entities: Buffer,
    entity_scores: Buffer,
) -> tuple[int, int]: ...
