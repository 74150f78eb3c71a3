import threading

import pytest

from hugot.errors import SessionClosedError
from hugot.runtime.calls import Gate

TIMEOUT = 10


class Closing:
    """A thread that closes a gate; `done` is set with the answer when it has."""

    def __init__(self, gate):
        self.done = threading.Event()
        self.answer = None
        self._gate = gate
        threading.Thread(target=self._close, daemon=True).start()
        while not gate.closed:
            assert not self.done.wait(0.001)

    def _close(self):
        self.answer = self._gate.close()
        self.done.set()


def test_calls_go_through_an_open_gate():
    gate = Gate("the session")
    gate.enter()
    gate.enter()
    gate.leave()
    gate.leave()
    assert not gate.closed


def test_a_closed_gate_turns_calls_away_and_names_what_is_closed():
    gate = Gate("pipeline 'ner'")
    gate.close()
    with pytest.raises(SessionClosedError, match="pipeline 'ner' is closed"):
        gate.enter()


def test_a_gate_with_nobody_inside_closes_at_once():
    gate = Gate("the session")
    gate.enter()
    gate.leave()
    assert gate.close()
    assert gate.closed


def test_closing_waits_for_the_last_call_to_leave():
    gate = Gate("the session")
    gate.enter()
    gate.enter()
    closing = Closing(gate)
    gate.leave()
    assert not closing.done.wait(0.02)
    gate.leave()
    assert closing.done.wait(TIMEOUT)


def test_new_calls_are_turned_away_while_the_last_ones_leave():
    gate = Gate("the session")
    gate.enter()
    closing = Closing(gate)
    with pytest.raises(SessionClosedError):
        gate.enter()
    gate.leave()
    assert closing.done.wait(TIMEOUT)


def test_only_the_first_to_close_a_gate_is_told_so():
    gate = Gate("the session")
    assert [gate.close(), gate.close()] == [True, False]


def test_all_who_close_a_gate_wait_for_the_last_call():
    gate = Gate("the session")
    gate.enter()
    closing = [Closing(gate), Closing(gate)]
    assert not any(each.done.wait(0.02) for each in closing)
    gate.leave()
    assert all(each.done.wait(TIMEOUT) for each in closing)
    assert sorted(each.answer for each in closing) == [False, True]
