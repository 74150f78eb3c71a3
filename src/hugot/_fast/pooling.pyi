from typing_extensions import Buffer

MODES: dict[str, int]

def pool(
    hidden_state: Buffer,
    starts: Buffer,
    stops: Buffer,
    skip: int,
    mode: int,
    rows: Buffer,
    out: Buffer,
) -> None: ...
def normalize(x: Buffer) -> None: ...
