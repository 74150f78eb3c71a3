from typing_extensions import Buffer

def sort_by_length(offsets: Buffer, order: Buffer) -> None: ...
def cut_groups(
    offsets: Buffer,
    order: Buffer,
    token_budget: int,
    max_rows: int,
    pads: bool,
    overhead: float,
    quadratic: float,
) -> tuple[list[int], list[float]]: ...
