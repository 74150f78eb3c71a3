import threading

import pytest

from hugot.runtime.loading import Background


def raise_error():
    raise ValueError("no")


def test_the_result_is_what_the_call_gave():
    assert Background(lambda: 7, "work").result() == 7


def test_the_call_runs_on_a_thread_of_the_given_name_which_ends():
    work = Background(threading.current_thread, "work")
    thread = work.result()
    assert thread.name == "work"
    assert not thread.is_alive()


def test_an_error_reaches_everyone_who_asks():
    work = Background(raise_error, "work")
    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            work.result()


def test_waiting_raises_nothing_and_returns_when_the_call_has_ended():
    go_on, ended = threading.Event(), threading.Event()
    work = Background(lambda: (go_on.wait(10), ended.set(), raise_error()), "work")
    assert not ended.is_set()
    go_on.set()
    work.wait()
    assert ended.is_set()
