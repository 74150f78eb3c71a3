"""Plans: the groups of a call and their padding; measuring the best size of groups; warming up."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from hugot.inputs.rows import Group
from hugot.pipelines.runner import raise_first
from hugot.pipelines.windows import run_list, slices

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hugot.pipelines.runner import Runner

BUDGETS = (128, 256, 512, 1024)


@dataclass(frozen=True)
class Plan:
    """How a pipeline would run a list of inputs.

    Attributes:
        workers: groups that run at the same time.
        intra_op_threads: threads of ONNX Runtime within one group.
        token_budget: maximum number of padded tokens in a group; a longer row is a group of its own.
        groups: rows and width of each group, including those added by the shape policy, in the order
            in which they begin.
        tokens: tokens of all rows, without padding.
        shape_policy: the width to which groups are padded: ``"exact"`` (the longest row), ``"few"``
            (the next of `widths`), ``"fixed"`` (as ``"few"``, and filled up with rows), or ``"graph"``
            (the fixed dimensions of the graph's inputs).
        widths: the widths of the policy.
        providers: execution provider → number of the model's nodes that it runs, None if that is
            unknown.
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
        """Padded tokens per token; 1.0 means no padding."""
        return self.padded_tokens / self.tokens if self.tokens else 1.0


def plan_list(runner: Runner[Any], inputs: Sequence[Any], options: Any) -> Plan:
    """Return the plan of a list of inputs; raises InputError for a refused input."""
    groups: list[tuple[int, int]] = []
    tokens = first_index = 0
    with runner.calls:
        model = runner.model
        layout = model.layout
        for window in slices(inputs):
            prepared = runner.prepare(window, options, first_index)
            if prepared.refusals:
                raise_first(prepared.refusals)
            groups += [group.shape for group in runner.plan(prepared.rows, options, layout)]
            tokens += prepared.rows.size
            first_index += len(window)
        shapes = layout.shapes
        return Plan(
            layout.workers,
            layout.intra_op_threads,
            layout.token_budget,
            groups,
            tokens,
            shapes.name,
            shapes.widths,
            dict(model.providers),
        )


def tune(runner: Runner[Any], inputs: Sequence[Any], rounds: int) -> None:
    """Measure each of `BUDGETS` for these inputs, and set the best one for the model.

    Until then, calls of other threads use the model's present layout.
    """
    model = runner.model
    layouts = {budget: replace(model.layout, token_budget=budget) for budget in BUDGETS}
    seconds: dict[int, list[float]] = {budget: [] for budget in BUDGETS}
    for turn in range(rounds + 1):
        for budget, layout in layouts.items():
            began = perf_counter()
            run_list(runner, inputs, runner.options, layout)
            if turn:  # in the first round, ONNX Runtime allocates its memory
                seconds[budget].append(perf_counter() - began)
    model.layout = layouts[min(BUDGETS, key=lambda budget: median(seconds[budget]))]


def warm_up(runner: Runner[Any]) -> None:
    """Run a short text and a full group on every worker, or each shape of the model's policy."""
    model, options = runner.model, runner.options
    layout = model.layout
    if not layout.shapes.widths:
        run_list(runner, [runner.sample_input("hello")], options)
        rows = max(2, layout.token_budget // 16) * layout.workers
        run_list(runner, [runner.sample_input("hello " * 16)] * rows, options)
        return
    outputs = runner.task.wanted_outputs(options)
    for rows, width in layout.shapes.shapes(layout.token_budget):
        blank, group = runner.task.blank_rows(rows, width), Group(np.arange(rows), width)
        model.forward(blank, group, outputs, other_inputs=runner.other_inputs)
