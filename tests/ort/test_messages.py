"""ONNX Runtime's messages arrive at Python's logging, from any thread and at any time."""

from __future__ import annotations

import ctypes
import logging
import os
import subprocess
import sys
import time

import numpy as np
import pytest
from fake_onnxruntime import compile_onnxruntime
from ort_graphs import as_bytes, library, negation, open_session, value

from hugot._ort.library import LOGGER, log_messages, open_library
from hugot._ort.session import InferenceSession
from hugot.errors import InferenceError
from hugot.options import RuntimeOptions
from hugot.runtime.sessions import native_options


@pytest.fixture
def logged(caplog):
    """The records of the logger for ONNX Runtime, of every level."""
    caplog.set_level(logging.DEBUG, LOGGER)
    library().available_providers()  # messages of earlier tests
    caplog.clear()
    return caplog


def session(model=None, **options):
    options = native_options(RuntimeOptions(**options), 2)
    return InferenceSession(library(), model or negation(), options)


def test_messages_arrive_with_their_level_place_and_time(logged):
    before = time.time()
    session(log_severity_level=1)
    record = logged.records[0]
    assert (record.name, record.levelname) == ("hugot.onnxruntime", "INFO")
    assert record.filename.endswith(".cc")
    assert record.lineno > 0
    assert record.funcName
    assert before - 1 < record.created < time.time() + 1


@pytest.mark.parametrize(("severity", "lowest"), [(0, "DEBUG"), (1, "INFO"), (4, None)])
def test_the_severity_decides_which_messages_are_logged(logged, severity, lowest):
    session(log_severity_level=severity)
    levels = {record.levelno for record in logged.records}
    assert min(levels, default=None) == (lowest and getattr(logging, lowest))


def test_warnings_are_logged_by_default_and_nothing_below(logged, tmp_path):
    path = str(tmp_path / "graph.onnx")
    session(optimized_model_path=path)
    assert {record.levelname for record in logged.records} == {"WARNING"}
    assert "hardware specific optimizations" in logged.text


def test_a_raised_message_is_not_logged_as_an_error(logged):
    ends = [value("x"), value("to", "int64", ["n"])], [value("y", shape=None)]
    made = session(as_bytes([("Reshape", "x to", "y")], *ends))
    logged.clear()
    with pytest.raises(InferenceError, match="Reshape node"):
        made.run([np.ones(7, np.float32), np.array([2, 3])])
    assert [(record.levelname, "Reshape node" in record.message) for record in logged.records] == [
        ("DEBUG", True)
    ]


def test_a_message_with_the_text_of_the_exception_is_logged_at_level_debug(logged):
    messages = [(0.0, 3, "a.cc:1 f", "out of luck"), (0.0, 3, "a.cc:2 f", "and of time")]
    log_messages(messages, 0, "ONNX Runtime: out of luck")
    assert [record.levelname for record in logged.records] == ["DEBUG", "ERROR"]


def test_a_run_that_was_stopped_is_no_warning(logged):
    log_messages([(0.0, 2, "a.cc:1 f", "Exiting due to terminate flag being set to true.")], 0, "")
    assert [record.levelname for record in logged.records] == ["DEBUG"]


def test_a_filter_that_fails_does_not_fail_the_call(logged):
    def refuse(record):
        raise ValueError

    logging.getLogger(LOGGER).addFilter(refuse)
    try:
        session(log_severity_level=0)
    finally:
        logging.getLogger(LOGGER).removeFilter(refuse)
    assert not logged.records


def sender(path):
    """The function of a fake library that sends a number of messages of a number of bytes."""
    send = ctypes.CDLL(path).send_messages
    send.argtypes = (ctypes.c_int, ctypes.c_int)
    return send


@pytest.fixture(scope="module")
def talking(tmp_path_factory):
    """A fake library that sends messages on request."""
    return str(compile_onnxruntime(tmp_path_factory.mktemp("talking"), "1.20.0"))


def test_messages_arrive_in_order_and_none_is_lost(logged, talking):
    open_library(talking)
    send = sender(talking)
    send(1000, 3)
    assert not logged.records
    library().available_providers()
    texts = [record.getMessage() for record in logged.records]
    assert texts == [f"{number:03}" for number in range(1000)]


def test_messages_beyond_the_size_of_the_queue_are_dropped_and_counted(logged, talking):
    open_library(talking)
    sender(talking)(600, 10_000)
    library().available_providers()
    *messages, last = logged.records
    assert 300 < len(messages) < 450
    assert last.getMessage() == (
        f"{600 - len(messages)} messages of ONNX Runtime were lost: too many at once"
    )
    sender(talking)(1, 3)
    logged.clear()
    library().available_providers()
    assert [record.getMessage() for record in logged.records] == ["000"]


EXIT = """
import ctypes, sys, threading, atexit
sys.path.insert(0, {tests!r})
from hugot._ort.library import open_library
loaded = open_library({path!r})
talking = ctypes.CDLL({path!r})
talking.talk_for_ever()     # in a thread that Python does not know
for _ in range(20):
    loaded.available_providers()
atexit.register(talking.send_messages, 10, 10)
print("done")
"""


def test_a_thread_that_sends_messages_while_the_interpreter_ends_does_no_harm(talking):
    code = EXIT.format(tests=os.path.dirname(os.path.dirname(__file__)), path=talking)
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
        )
        assert done.stdout == "done\n"


def test_a_call_without_messages_does_not_import_logging(models):
    code = (
        "import sys, hugot\n"
        f"hugot.pipeline('text-classification', {str(models / 'bert-uncased-text')!r})('a')\n"
        "print('logging' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("False\n", "")


def test_a_program_without_a_logger_of_its_own_sees_warnings_on_stderr(tmp_path, models):
    folder, path = str(models / "bert-uncased-text"), str(tmp_path / "graph.onnx")
    code = (
        "import hugot\n"
        f"hugot.pipeline('text-classification', {folder!r}, optimized_model_path={path!r})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "hardware specific optimizations" in done.stderr


def test_every_session_has_a_severity_of_its_own(logged):
    open_session(negation(), log_severity_level=4)
    assert not logged.records
    open_session(negation(), log_severity_level=1)
    assert logged.records
