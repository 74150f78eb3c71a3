from typing_extensions import Buffer

MODES: dict[str, int]

def pool(
    hidden_state: Buffer,
    offsets: Buffer,
    rows: Buffer,
    left: bool,
    skip: int,
    mode: int,
    normalized: bool,
    out: Buffer,
) -> None: ...
def pool_row(hidden_state: Buffer, skip: int, mode: int, normalized: bool, out: Buffer) -> None: ...
def normalize(x: Buffer) -> None: ...
