"""Counters and timings of a pipeline."""

from __future__ import annotations

import threading
from dataclasses import dataclass


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
        self._tokenization = 0.0
        self._tokenizations = 0
        self._inference = 0.0
        self._inferences = 0
        self._texts = 0
        self._rows = 0
        self._tokens = 0
        self._padded_tokens = 0

    def tokenized(self, seconds: float, texts: int) -> None:
        """Count a batch of texts that was tokenized."""
        with self._lock:
            self._tokenization += seconds
            self._tokenizations += 1
            self._texts += texts

    def ran(self, seconds: float, rows: int, tokens: int, padded_tokens: int) -> None:
        """Count a group of rows that was run."""
        with self._lock:
            self._inference += seconds
            self._inferences += 1
            self._rows += rows
            self._tokens += tokens
            self._padded_tokens += padded_tokens

    def snapshot(self) -> PipelineStats:
        """The figures as they are now."""
        with self._lock:
            return PipelineStats(
                tokenization=Timing(self._tokenization, self._tokenizations),
                inference=Timing(self._inference, self._inferences),
                texts=self._texts,
                rows=self._rows,
                tokens=self._tokens,
                padded_tokens=self._padded_tokens,
            )
