"""Threads of a session that sleep until they are started."""

import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from ort_graphs import OPTIONS, library, looping

from hugot._ort.session import InferenceSession
from hugot.errors import ModelFormatError

TASKS = Path("/proc/self/task")
needs_tasks = pytest.mark.skipif(not TASKS.exists(), reason="there is no /proc/self/task")


def held_session(threads=3, model=None):
    options = OPTIONS.__class__(**{**vars(OPTIONS), "intra_op_num_threads": threads})
    return InferenceSession(library(), model or looping(), options, hold_threads=True)


def run(session):
    times, x = np.array(3), np.full((192, 192), 2, np.float32)
    return np.asarray(session.run([times, x])[0])


def tasks():
    """Ids of this process's native threads."""
    return {path.name for path in TASKS.iterdir()}


def cpu_ticks(threads):
    """CPU time of native threads in clock ticks."""
    fields = [(TASKS / each / "stat").read_text().rpartition(")")[2].split() for each in threads]
    return sum(int(each[11]) + int(each[12]) for each in fields)


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_a_session_answers_the_same_before_and_after_its_threads_start(threads):
    session = held_session(threads)
    before = run(session)
    session.start_threads()
    np.testing.assert_array_equal(run(session), before)
    np.testing.assert_array_equal(before, np.full((192, 192), 2))


def test_a_session_whose_threads_never_started_can_end():
    ended = threading.Thread(target=held_session)
    ended.start()
    ended.join(30)
    assert not ended.is_alive()


@needs_tasks
def test_a_session_that_cannot_be_made_leaves_no_thread_behind():
    before = tasks()
    for _ in range(5):
        with pytest.raises(ModelFormatError):
            held_session(model=b"no model")
    assert not tasks() - before


def test_starting_twice_or_without_held_threads_does_nothing():
    session, other = held_session(), InferenceSession(library(), looping(), OPTIONS)
    expected = run(other)
    for each in (session, session, other):
        each.start_threads()
        np.testing.assert_array_equal(run(each), expected)


@needs_tasks
@pytest.mark.skipif(sys.platform == "win32", reason="threads are not held there")
def test_held_threads_use_no_cpu():
    before = tasks()
    session = held_session(threads=3)
    made = tasks() - before
    assert len(made) == 2
    time.sleep(0.1)
    assert cpu_ticks(made) == 0
    session.start_threads()
    deadline = time.monotonic() + 10
    while cpu_ticks(made) == 0:
        assert time.monotonic() < deadline
        time.sleep(0.01)
