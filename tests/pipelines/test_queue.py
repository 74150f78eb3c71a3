"""Which waiting inputs run together."""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np
import pytest

from hugot.inputs.rows import Padding, TokenRows
from hugot.pipelines.queue import RequestQueue
from hugot.pipelines.request import Item, Request


@dataclass(frozen=True)
class Options:
    batch_size: int | None = None
    flag: object = None


OPTIONS = Options()


def request(*lengths: int, options=OPTIONS, rows: int = 1) -> Request:
    made = Request(None, options, None, {})
    items = []
    for number, length in enumerate(lengths):
        offsets = np.arange(rows + 1, dtype=np.int64) * length
        ids = np.zeros(rows * length, np.int32)
        of_one = TokenRows(ids, offsets, None, [None] * rows, Padding())
        items.append(Item(made, number, f"text of {length}", of_one))
    made.items = items
    made.unanswered = made.waiting = len(items)
    return made


def queue_of(*requests: Request, budget: int = 1000, **settings) -> RequestQueue:
    made = RequestQueue(**settings)
    for each in requests:
        each.size_budget = budget
        made.add(each)
    return made


def lengths(items) -> list[int]:
    return sorted(item.longest for item in items)


def test_a_group_has_the_oldest_request_and_those_about_as_long() -> None:
    queue = queue_of(*map(request, [50, 10, 48, 11, 100, 52, 9]))
    assert lengths(queue.take()) == [48, 50, 52]
    assert lengths(queue.take()) == [9, 10, 11]
    assert lengths(queue.take()) == [100]
    assert list(queue.take()) == []


def test_a_group_keeps_to_the_budget() -> None:
    queue = queue_of(*[request(30) for _ in range(10)], budget=100)
    assert [len(queue.take()) for _ in range(5)] == [3, 3, 3, 1, 0]


def test_a_text_beyond_the_budget_runs_alone() -> None:
    queue = queue_of(request(500), request(500), budget=100)
    assert [len(queue.take()) for _ in range(3)] == [1, 1, 0]


def test_of_equally_long_ones_the_older_run_first() -> None:
    made = [request(30) for _ in range(6)]
    queue = queue_of(*made, budget=60)
    taken = [item.request for _ in range(3) for item in queue.take()]
    assert taken == made


def test_a_part_is_left_to_each_of_those_who_share() -> None:
    queue = queue_of(*[request(10) for _ in range(8)])
    assert len(queue.take(sharers=2)) == 4
    assert len(queue.take(sharers=1)) == 4


def test_batch_size_caps_the_rows_of_a_group() -> None:
    options = Options(batch_size=3)
    queue = queue_of(*[request(10, options=options) for _ in range(7)])
    assert [len(queue.take()) for _ in range(3)] == [3, 3, 1]


def test_rows_of_one_text_stay_together_and_count_all() -> None:
    queue = queue_of(*[request(10, rows=4) for _ in range(3)], budget=80)
    assert [sum(item.row_count for item in queue.take()) for _ in range(2)] == [8, 4]


@pytest.mark.parametrize("other", [Options(flag=1), Options(batch_size=2), Options(flag=[0])])
def test_requests_with_other_options_run_apart(other) -> None:
    queue = queue_of(request(10), request(10, options=other), request(10))
    assert [len(queue.take()) for _ in range(2)] == [2, 1]


def test_equal_options_of_two_calls_run_together() -> None:
    queue = queue_of(*[request(10, options=Options(flag=["O"])) for _ in range(2)])
    assert len(queue.take()) == 2


def test_options_whose_values_differ_in_type_alone_run_apart() -> None:
    queue = queue_of(*[request(10, options=Options(flag=flag)) for flag in (True, 1, 1.0)])
    assert [len(queue.take()) for _ in range(3)] == [1, 1, 1]


def test_options_that_cannot_be_compared_run_apart() -> None:
    queue = queue_of(*[request(10, options=Options(flag=np.arange(3))) for _ in range(2)])
    assert [len(queue.take()) for _ in range(2)] == [1, 1]


def test_without_padding_only_equal_lengths_share_a_group() -> None:
    queue = queue_of(*map(request, [10, 11, 10, 11, 10]), pads=False)
    assert [lengths(queue.take()) for _ in range(2)] == [[10, 10, 10], [11, 11]]


def test_alone_each_request_is_a_group_with_all_its_texts() -> None:
    queue = queue_of(request(10), request(10, 300, 5), request(10), budget=20, alone=True)
    assert [lengths(queue.take()) for _ in range(4)] == [[10], [5, 10, 300], [10], []]


def test_a_long_list_does_not_hold_up_what_comes_after_it() -> None:
    queue = queue_of(request(*[30] * 100), request(5), budget=90)
    assert lengths(queue.take()) == [30, 30, 30]
    assert lengths(queue.take()) == [5]


def test_a_text_without_tokens_is_taken_as_well() -> None:
    queue = queue_of(request(0), request(0), request(40))
    assert [lengths(queue.take()) for _ in range(3)] == [[0, 0], [40], []]
    assert queue.inputs == 0


def test_a_removed_request_is_not_taken() -> None:
    gone = request(10, 11)
    queue = queue_of(request(10), gone, request(40))
    queue.remove(gone)
    assert [lengths(queue.take()) for _ in range(3)] == [[10], [40], []]
    assert (queue.inputs, queue.size) == (0, 0)


def test_what_is_left_of_a_request_can_be_removed() -> None:
    partly = request(10, 300)
    queue = queue_of(partly, request(10))
    assert lengths(queue.take()) == [10, 10]
    queue.remove(partly)
    assert list(queue.take()) == []
    queue.remove(partly)
    assert (queue.inputs, queue.size) == (0, 0)


def test_whatever_comes_and_goes_every_text_is_taken_once() -> None:
    random.seed(3)
    queue, taken, added, removed = RequestQueue(), [], [], []
    options = [OPTIONS, Options(batch_size=2)]
    for _ in range(3000):
        action = random.random()
        if action < 0.5:
            sizes = [
                random.choice([0, 3, 4, 9, 10, 11, 40, 150])
                for _ in range(random.choice([1, 1, 3]))
            ]
            added.append(request(*sizes, options=random.choice(options)))
            added[-1].size_budget = 100
            queue.add(added[-1])
        elif action < 0.6 and added:
            removed.append(random.choice(added))
            queue.remove(removed[-1])
        else:
            group = queue.take(random.choice([1, 2]))
            assert len({id(item.request.options) for item in group}) <= 1
            width = max(lengths(group), default=0)
            assert len(group) == 1 or len(group) * width <= 100
            assert all(width - item.longest <= max(2, 0.2 * width) for item in group)
            taken += group
    while group := queue.take():
        taken += group
    assert (queue.inputs, queue.size, queue._buckets) == (0, 0, [])
    assert len({id(item) for item in taken}) == len(taken)
    wanted = [item for each in added if each not in removed for item in each.items]
    assert {id(item) for item in wanted} <= {id(item) for item in taken}
