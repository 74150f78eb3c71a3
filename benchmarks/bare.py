"""The bare runtime: onnxruntime's Python API on texts that are tokenized already.

It is the reference of bulk work. The rows are sorted by length, cut into groups under a budget of
padded tokens and padded beforehand; only `InferenceSession.run` is timed, in one of two layouts: one
caller with all threads inside a run, or one caller for each CPU with one thread each.
"""

from __future__ import annotations

import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

BUDGETS = (128, 256, 512, 1024)

Feeds = dict[str, np.ndarray]


@dataclass(frozen=True)
class Setting:
    """A layout (callers x threads) and a budget of padded tokens per group."""

    callers: int
    threads: int
    budget: int

    def __str__(self) -> str:
        return f"{self.callers}x{self.threads}, {self.budget} tokens"


def settings(cpus: int) -> list[Setting]:
    """Return both layouts with every budget."""
    layouts = {(cpus, 1), (1, cpus)}
    return [Setting(*layout, budget) for layout in sorted(layouts) for budget in BUDGETS]


def open_session(onnx_file: Path, threads: int) -> onnxruntime.InferenceSession:
    """Return a session with onnxruntime's default options, except for the number of threads."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(onnx_file), options, providers=["CPUExecutionProvider"])


def cut(rows: Sequence[Sequence[int]], budget: int) -> list[list[Sequence[int]]]:
    """Return rows, sorted from the longest on, in groups under a budget of padded tokens."""
    groups: list[list[Sequence[int]]] = []
    for row in sorted(rows, key=len, reverse=True):
        if not groups or (len(groups[-1]) + 1) * len(groups[-1][0]) > budget:
            groups.append([])
        groups[-1].append(row)
    return groups


def feeds_of(group: Sequence[Sequence[int]], names: Sequence[str]) -> Feeds:
    """Return the padded inputs of a group of rows."""
    width = max(map(len, group))
    ids = np.array([[*row, *[0] * (width - len(row))] for row in group], np.int64)
    mask = np.array([[1] * len(row) + [0] * (width - len(row)) for row in group], np.int64)
    known = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
    return {name: known[name] for name in names}


class Bare:
    """Calls of rows, grouped and ready to run, in one setting.

    Args:
        session: an open session with the setting's threads.
        calls: the rows of each call; one call ends before the next begins.
        setting: layout and budget.
    """

    def __init__(
        self,
        session: onnxruntime.InferenceSession,
        calls: Sequence[Sequence[Sequence[int]]],
        setting: Setting,
    ) -> None:
        self._session = session
        names = [each.name for each in session.get_inputs()]
        self._calls = [
            [feeds_of(group, names) for group in cut(rows, setting.budget)] for rows in calls
        ]
        self._others = ThreadPoolExecutor(setting.callers - 1) if setting.callers > 1 else None
        self._callers = setting.callers

    def seconds(self) -> float:
        """Return the time of running all calls once."""
        began = time.perf_counter()
        for groups in self._calls:
            waiting = deque(groups)
            if self._others is None:
                self._work(waiting)
                continue
            others = [self._others.submit(self._work, waiting) for _ in range(self._callers - 1)]
            self._work(waiting)
            for each in others:
                each.result()
        return time.perf_counter() - began

    def _work(self, waiting: deque[Feeds]) -> None:
        while True:
            try:
                feeds = waiting.popleft()
            except IndexError:
                return
            self._session.run(None, feeds)
