"""Doing things when their time has come."""

from __future__ import annotations

import gc
import threading
import weakref

from hugot.pipelines.deadlines import Deadlines

TIMEOUT = 10


def deadline_threads():
    return [each for each in threading.enumerate() if each.name == "hugot-deadlines"]


def test_what_is_due_is_done_in_the_order_of_its_time():
    done, end = [], threading.Event()
    deadlines = Deadlines()
    deadlines.add(0.06, end.set)
    deadlines.add(0.04, lambda: done.append("second"))
    deadlines.add(0.02, lambda: done.append("first"))
    assert end.wait(TIMEOUT)
    assert done == ["first", "second"]
    deadlines.close()


def test_what_was_dropped_is_not_done():
    done, end = [], threading.Event()
    deadlines = Deadlines()
    deadlines.drop(deadlines.add(0.01, lambda: done.append("dropped")))
    deadlines.add(0.05, end.set)
    assert end.wait(TIMEOUT)
    assert done == []
    deadlines.close()


def test_the_thread_starts_with_the_first_deadline_and_ends_with_close():
    deadlines = Deadlines()
    assert deadline_threads() == []
    deadlines.add(60, print)
    assert len(deadline_threads()) == 1
    deadlines.close()
    assert deadline_threads() == []


def test_the_thread_ends_when_nobody_refers_to_it_any_more():
    deadlines = Deadlines()
    deadlines.add(60, print)
    gc.disable()
    try:
        del deadlines
        assert deadline_threads() == []
    finally:
        gc.enable()


def test_dropped_deadlines_keep_nothing_alive_and_do_not_pile_up():
    deadlines = Deadlines()
    deadlines.add(1000, print)

    class Kept:
        def act(self):
            """Never called."""

    kept = Kept()
    gone = weakref.ref(kept)
    for _ in range(5000):
        deadlines.drop(deadlines.add(1000, kept.act))
    del kept
    assert gone() is None
    assert len(deadlines._state._heap) < 1000
    deadlines.close()
