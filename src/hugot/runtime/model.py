"""A loaded model: rows of tokens in, output tensors out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from hugot._fast import padding
from hugot._ort.session import RunOptions
from hugot.errors import ModelFormatError
from hugot.models.files import get_typed
from hugot.runtime.lanes import Lanes
from hugot.runtime.native import placement_of
from hugot.text.planner import Group

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from hugot._ort.providers import Provider
    from hugot._ort.session import InferenceSession, TensorSpec
    from hugot._ort.tensor import Tensor
    from hugot.models.bundle import ModelBundle
    from hugot.runtime.executor import Executor
    from hugot.runtime.tune import Layout
    from hugot.text.batch import RowBatch, TokenBatch
    from hugot.text.tokenizer import TextTokenizer

IntegerArray: TypeAlias = "NDArray[np.int32 | np.int64]"
# Beginnings of the names of element types that become float32; those of 8-bit floats come as bits.
_REAL_NUMBERS = ("float16", "float64", "bfloat16", "int", "uint", "bool")
_ROW_0 = np.zeros(1, np.int64)
_Fill: TypeAlias = "Callable[[TokenBatch, Group, TextTokenizer, IntegerArray], None]"


class LoadedModel:
    """A bundle and its native sessions.

    Attributes:
        bundle: the files.
        session: ONNX Runtime's session; with ``layout.row_threads`` the one for texts that stand alone.
        optimized: whether it runs the optimised graph beside the ``.onnx`` file.
        layout: how work is spread over threads.
        executor: the worker threads.
        takes_type_ids: whether the graph wants the tokenizer's token type ids.
        pads: whether rows of different lengths may share a group.
        exact: whether rows run in their own shape.
        providers: number of nodes that each provider runs, None where it is not known.

    Args:
        bundle: see above.
        session: see above.
        layout: see above.
        executor: see above.
        open_session: makes the session for groups of rows, where that is another.
        asked: the providers that the session was made with.
    """

    def __init__(
        self,
        bundle: ModelBundle,
        session: InferenceSession,
        layout: Layout,
        executor: Executor,
        open_session: Callable[[], InferenceSession],
        asked: Sequence[Provider] = (),
    ) -> None:
        self.bundle = bundle
        self.session = session
        self.optimized = session.from_buffer
        session.start_threads()  # all that loads beside it is there
        self.layout = layout
        self.executor = executor
        self._lanes = Lanes(session, open_session if layout.row_threads else None)
        self._feeds = [_feed(spec, bundle) for spec in self.session.inputs]
        names = [spec.name for spec in self.session.inputs]
        self._places = _usual_places(self.session.inputs)
        # A tokenizer that does not list type ids gives none; the graph is fed zeros then.
        listed = (
            get_typed(
                bundle.tokenizer_config,
                "model_input_names",
                list,
                bundle.folder / "tokenizer_config.json",
            )
            or names
        )
        self.takes_type_ids = "token_type_ids" in names and "token_type_ids" in listed
        # Without a mask, padding would be taken for text.
        self.pads = "attention_mask" in names
        self.exact = layout.shapes.exact or not self.pads
        self.providers = placement_of(session, asked)

    def forward(
        self,
        batch: TokenBatch,
        group: Group,
        tokenizer: TextTokenizer,
        outputs: Sequence[int],
        run_options: RunOptions | None = None,
    ) -> list[Tensor]:
        """Pad the rows of a group, run the model on them, and give the outputs asked for."""
        rows = len(group.rows)
        if group.lines is not None:
            # Copies of a row rather than empty ones, whose attention would have nothing to attend to.
            group = Group(np.pad(group.rows, (0, group.lines - rows), "edge"), group.width)
        if self._places is not None and batch.type_ids is None:
            inputs = self._usual_inputs(batch, group, tokenizer)
        else:
            inputs = self._inputs(batch, group, tokenizer)
        with self._lanes.take(alone=rows == 1) as lane:
            found = lane.session.run(inputs, outputs, run_options)
        if rows != len(group.rows):
            for tensor in found:
                tensor.keep_rows(rows)
        return found

    def _inputs(self, batch: TokenBatch, group: Group, tokenizer: TextTokenizer) -> Sequence[Any]:
        """What the graph asks for, one after another."""
        shape = (len(group.rows), group.width)
        inputs: list[Any] = []
        for fill, dtype, cast in self._feeds:
            array = np.empty(shape, dtype)
            fill(batch, group, tokenizer, array)
            inputs.append(array if cast is None else array.astype(cast))
        return inputs

    def _usual_inputs(
        self, batch: TokenBatch, group: Group, tokenizer: TextTokenizer
    ) -> Sequence[Any]:
        """Ids, mask and zeros for type ids, in the graph's order, from one pass over the tokens."""
        ids, mask, types = self._places  # type: ignore[misc]  # the caller has looked
        inputs = np.empty((len(self._feeds), len(group.rows), group.width), np.int64)
        padding.fill(
            batch.ids,
            batch.offsets,
            group.rows,
            tokenizer.pad_id,
            tokenizer.pads_left,
            inputs[ids],
            inputs[mask],
            None if types is None else inputs[types],
        )
        return inputs  # type: ignore[return-value]  # an array of arrays serves as a sequence

    def forward_row(
        self,
        batch: RowBatch,
        tokenizer: TextTokenizer,
        outputs: Sequence[int],
        stop: RunOptions | None = None,
    ) -> list[Tensor]:
        """As `forward` for a row that stands alone, with less between it and the run."""
        only = self._lanes.only
        if only is not None and only.row_runner is not None:
            return only.row_runner.run(batch.row_ids, batch.row_type_ids, outputs, stop)
        with self._lanes.take(alone=True) as lane:
            if lane.row_runner is not None:
                return lane.row_runner.run(batch.row_ids, batch.row_type_ids, outputs, stop)
        return self.forward(batch, Group(_ROW_0, len(batch.row_ids)), tokenizer, outputs, stop)

    def new_run_options(self) -> RunOptions:
        """A handle that can stop runs of this model."""
        return RunOptions(self.session.library, self.session.run_config)


def as_float32(tensor: Tensor, rank: int, rows: int, width: int) -> Any:
    """A buffer of float32 over an output [rows, n] or [rows, width, n]; a copy where its dtype differs.

    The kernels rely on these dimensions, and a graph may give others than it declares.

    Args:
        tensor: the output.
        rank: number of its dimensions, 2 or 3.
        rows: rows that the model was run on.
        width: tokens in each, padding included.

    Raises ModelFormatError for another shape, and for elements that are no real numbers.
    """
    if not tensor.is_shaped(rank, rows, width):
        raise ModelFormatError(
            f"the graph gave an output of shape {list(tensor.shape)} for {rows} rows of {width} "
            f"tokens; it must be {[rows, width][: rank - 1]} and one more. Export the model with "
            "dynamic axes for batch and sequence."
        )
    dtype = tensor.dtype
    if dtype == "float32":
        return tensor
    if not dtype.startswith(_REAL_NUMBERS):
        raise ModelFormatError(
            f"the graph gave an output of {dtype}; it must be of float32 or float16"
        )
    return np.ascontiguousarray(tensor.numpy(), np.float32)


def token_spans(
    batch: TokenBatch, group: Group, *, left: bool
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First and past-the-end position of each row's tokens in its padded line."""
    lengths = batch.offsets[group.rows + 1] - batch.offsets[group.rows]
    if left:
        return group.width - lengths, np.full(len(lengths), group.width, np.int64)
    return np.zeros(len(lengths), np.int64), lengths


def _usual_places(specs: Sequence[TensorSpec]) -> tuple[int, int, int | None] | None:
    """Numbers of the inputs for ids, mask and type ids, where there are no others and all are int64."""
    numbers = {spec.name: number for number, spec in enumerate(specs)}
    if any(spec.dtype != "int64" for spec in specs) or not (
        {"input_ids", "attention_mask"}
        <= numbers.keys()
        <= {"input_ids", "attention_mask", "token_type_ids"}
    ):
        return None
    return numbers["input_ids"], numbers["attention_mask"], numbers.get("token_type_ids")


def _feed(spec: TensorSpec, bundle: ModelBundle) -> tuple[_Fill, Any, str | None]:
    """How an input of the graph is filled: a function, the array's dtype, a dtype to cast to."""
    fill = _FILLS.get(spec.name)
    if fill is None:
        raise ModelFormatError(
            f"{bundle.onnx_path} has an input {spec.name!r}, which no text pipeline can give; known "
            f"are {', '.join(_FILLS)}. Export the model for the task, without past key values."
        )
    if spec.dtype in ("int64", "int32"):
        return fill, np.dtype(spec.dtype), None
    if spec.dtype in ("float32", "float16", "bool"):
        return fill, np.dtype(np.int64), spec.dtype
    raise ModelFormatError(f"{bundle.onnx_path}: input {spec.name!r} is of dtype {spec.dtype}")


def _fill_ids(batch: TokenBatch, group: Group, tokenizer: TextTokenizer, out: IntegerArray) -> None:
    padding.pad(batch.ids, batch.offsets, group.rows, tokenizer.pad_id, tokenizer.pads_left, out)


def _fill_mask(
    batch: TokenBatch, group: Group, tokenizer: TextTokenizer, out: IntegerArray
) -> None:
    padding.mask(batch.offsets, group.rows, tokenizer.pads_left, out)


def _fill_type_ids(
    batch: TokenBatch, group: Group, tokenizer: TextTokenizer, out: IntegerArray
) -> None:
    if batch.type_ids is None:
        out.fill(0)
    else:
        padding.pad(
            batch.type_ids,
            batch.offsets,
            group.rows,
            tokenizer.pad_type_id,
            tokenizer.pads_left,
            out,
        )


def _fill_positions(
    batch: TokenBatch, group: Group, tokenizer: TextTokenizer, out: IntegerArray
) -> None:
    padding.positions(batch.offsets, group.rows, tokenizer.pads_left, out)


_FILLS: dict[str, _Fill] = {
    "input_ids": _fill_ids,
    "attention_mask": _fill_mask,
    "token_type_ids": _fill_type_ids,
    "position_ids": _fill_positions,
}
