"""ONNX Runtime's messages, told to Python's `logging`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

LOGGER = "hugot.onnxruntime"
# OrtLoggingLevel → level of `logging`: verbose, info, warning, error, fatal.
_LEVELS = (10, 20, 30, 40, 50)
_DEBUG = 10
# What ONNX Runtime says when hugot itself stops a run.
_STOPPED = "Exiting due to terminate flag"
# How a failed run is told; whoever asked for the run gets it as an exception, perhaps in another thread.
_FAILED = "Non-zero status code returned while running"

Message = tuple[float, int, str, str]


def tell(messages: Iterable[Message], dropped: int, raised: str) -> None:
    """Hand messages on to the logger ``hugot.onnxruntime``, under the time at which they were made.

    Args:
        messages: time in seconds since 1970, severity, place in ONNX Runtime's sources, text.
        dropped: number of those that were lost because too many waited.
        raised: text of the exception that is about to be raised, or ``""``. What it says already is
            told at level DEBUG, as is that a run failed or was stopped.
    """
    import logging  # it costs milliseconds, which a program that is told nothing is spared

    logger = logging.getLogger(LOGGER)
    for seconds, severity, place, text in messages:
        level = _LEVELS[severity]
        known = _STOPPED in text or text.startswith(_FAILED)
        if known or (raised and text.strip() in raised):
            level = _DEBUG
        if not logger.isEnabledFor(level):
            continue
        source, _, function = place.partition(" ")
        file, _, line = source.rpartition(":")
        record = logger.makeRecord(
            LOGGER, level, file, int(line) if line.isdigit() else 0, text, (), None, function
        )
        record.created = seconds
        record.msecs = seconds % 1 * 1000
        logger.handle(record)
    if dropped:
        logger.warning("%d messages of ONNX Runtime were lost: too many at once", dropped)
