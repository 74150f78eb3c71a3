from collections.abc import Sequence

from hugot._ort.session import InferenceSession, RunOptions
from hugot._ort.tensor import Tensor

class RowRunner:
    def __init__(self, session: InferenceSession, names: Sequence[str] | None = None) -> None: ...
    def run(
        self,
        ids: list[int],
        type_ids: list[int] | None,
        outputs: Sequence[int],
        stop: RunOptions | None = None,
    ) -> list[Tensor]: ...
