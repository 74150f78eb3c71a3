"""Counters and timings of a pipeline."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Timing:
    """Time spent in one stage.

    Attributes:
        seconds: total, added up over threads.
        calls: number of calls.
    """

    seconds: float = 0.0
    calls: int = 0

    @property
    def average(self) -> float:
        """Seconds per call; 0.0 before the first."""
        return self.seconds / self.calls if self.calls else 0.0

    def plus(self, seconds: float) -> Timing:
        """The same timing with one more call."""
        return Timing(self.seconds + seconds, self.calls + 1)


@dataclass(frozen=True)
class PipelineStats:
    """What a pipeline has done since it was made.

    Attributes:
        tokenization: time in the tokenizer; a call handles a whole batch of texts.
        inference: time in ONNX Runtime, padding included; a call runs one group of rows.
        texts: texts tokenized.
        rows: rows run; a long text may own several.
        tokens: tokens run, without padding.
        padded_tokens: the same with padding.
    """

    tokenization: Timing = Timing()
    inference: Timing = Timing()
    texts: int = 0
    rows: int = 0
    tokens: int = 0
    padded_tokens: int = 0

    @property
    def padding_ratio(self) -> float:
        """Padded over real tokens; 1.0 is no padding at all."""
        return self.padded_tokens / self.tokens if self.tokens else 1.0


class StatsRecorder:
    """Collects the figures of one pipeline; safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stats = PipelineStats()

    def tokenized(self, seconds: float, texts: int) -> None:
        """Count a batch of texts that was tokenized."""
        with self._lock:
            now = self._stats
            self._stats = replace(
                now, tokenization=now.tokenization.plus(seconds), texts=now.texts + texts
            )

    def ran(self, seconds: float, rows: int, tokens: int, padded_tokens: int) -> None:
        """Count a group of rows that was run."""
        with self._lock:
            now = self._stats
            self._stats = replace(
                now,
                inference=now.inference.plus(seconds),
                rows=now.rows + rows,
                tokens=now.tokens + tokens,
                padded_tokens=now.padded_tokens + padded_tokens,
            )

    def snapshot(self) -> PipelineStats:
        """The figures as they are now."""
        with self._lock:
            return self._stats
