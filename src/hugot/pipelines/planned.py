"""What a call would do: its groups, and how much of them is padding."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from hugot.text.batch import TokenBatch
from hugot.text.planner import Group

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hugot.pipelines.base import Pipeline

BUDGETS = (128, 256, 512, 1024)


@dataclass(frozen=True)
class Plan:
    """How a pipeline would run a list of inputs.

    Attributes:
        workers: groups that run at the same time.
        intra_op_threads: threads of ONNX Runtime within one group.
        token_budget: padded tokens in a group, at most; a longer row stands alone.
        groups: rows and width of each group as the model is run on it, in the order in which they
            begin.
        tokens: tokens of all rows, without padding.
        shape_policy: what groups are padded to: ``"exact"`` (their longest row), ``"few"`` or
            ``"fixed"`` (the next of `widths`, and with the latter filled up with rows).
        widths: the widths of the policy.
        providers: execution provider → number of the model's nodes that it runs, None where that is
            not known.
    """

    workers: int
    intra_op_threads: int
    token_budget: int
    groups: list[tuple[int, int]]
    tokens: int
    shape_policy: str = "exact"
    widths: tuple[int, ...] = ()
    providers: dict[str, int | None] = field(default_factory=dict)

    @property
    def padded_tokens(self) -> int:
        """Tokens of all groups, padding included."""
        return sum(rows * width for rows, width in self.groups)

    @property
    def padding_ratio(self) -> float:
        """Padded over real tokens; 1.0 is no padding at all."""
        return self.padded_tokens / self.tokens if self.tokens else 1.0


def tune(pipeline: Pipeline[Any, Any], inputs: Sequence[Any], rounds: int) -> int:
    """The best of `BUDGETS` for these inputs on this machine, which the model keeps from here on."""
    model = pipeline.model
    layouts = {budget: replace(model.layout, token_budget=budget) for budget in BUDGETS}
    seconds: dict[int, list[float]] = {budget: [] for budget in BUDGETS}
    before = model.layout
    try:
        for turn in range(rounds + 1):
            for budget, layout in layouts.items():
                model.layout = layout
                began = perf_counter()
                pipeline(inputs)
                if turn:  # the first round makes room in ONNX Runtime's memory
                    seconds[budget].append(perf_counter() - began)
    except BaseException:
        model.layout = before
        raise
    best = min(BUDGETS, key=lambda budget: median(seconds[budget]))
    model.layout = layouts[best]
    return best


def warm_shapes(pipeline: Pipeline[Any, Any]) -> None:
    """Run a model once in each shape of its policy, on no text of anybody's."""
    model, tokenizer = pipeline.model, pipeline._tokenizer
    layout = model.layout
    outputs = pipeline.wanted_outputs(pipeline.options)
    for rows, width in layout.shapes.shapes(layout.token_budget):
        ids = np.full(rows * width, tokenizer.pad_id, np.int32)
        offsets = np.arange(rows + 1, dtype=np.int64) * width
        batch = TokenBatch(ids, offsets, None, ())
        model.forward(batch, Group(np.arange(rows), width), tokenizer, outputs)
