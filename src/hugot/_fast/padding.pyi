from typing_extensions import Buffer

def pad(
    values: Buffer, offsets: Buffer, rows: Buffer, pad_value: int, left: bool, out: Buffer
) -> None: ...
def fill(
    ids: Buffer,
    offsets: Buffer,
    rows: Buffer,
    pad_id: int,
    left: bool,
    ids_out: Buffer,
    mask_out: Buffer,
    zeros_out: Buffer | None = None,
) -> None: ...
def mask(offsets: Buffer, rows: Buffer, left: bool, out: Buffer) -> None: ...
def positions(offsets: Buffer, rows: Buffer, left: bool, out: Buffer) -> None: ...
