from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from typing import NamedTuple

from typing_extensions import Buffer

from hugot._ort.library import Library
from hugot._ort.metadata import ModelMetadata
from hugot._ort.providers import Provider
from hugot._ort.settings import SessionOptions
from hugot._ort.tensor import Tensor

class TensorSpec(NamedTuple):
    name: str
    dtype: str
    shape: tuple[int | str | None, ...]

class RunOptions:
    def __init__(self, library: Library, run_config: Mapping[str, str] | None = None) -> None: ...
    @property
    def terminated(self) -> bool: ...
    def terminate(self) -> None: ...

class InferenceSession:
    def __init__(
        self,
        library: Library,
        model: str | PathLike[str] | Buffer,
        options: SessionOptions,
        providers: Iterable[Provider | tuple[str, dict[str, object]]] = (),
        optimized_path: str | None = None,
        hold_threads: bool = False,
    ) -> None: ...
    @property
    def library(self) -> Library: ...
    @property
    def from_buffer(self) -> bool: ...
    @property
    def accelerated(self) -> bool: ...
    @property
    def placement(self) -> dict[str, int] | None: ...
    @property
    def inputs(self) -> tuple[TensorSpec, ...]: ...
    @property
    def outputs(self) -> tuple[TensorSpec, ...]: ...
    def start_threads(self) -> None: ...
    @property
    def run_config(self) -> Mapping[str, str]: ...
    def end_profiling(self) -> str | None: ...
    @property
    def metadata(self) -> ModelMetadata: ...
    def run(
        self,
        inputs: Sequence[Buffer],
        outputs: Iterable[int] | None = None,
        run_options: RunOptions | None = None,
    ) -> list[Tensor]: ...
