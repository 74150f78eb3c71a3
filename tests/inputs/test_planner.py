import numpy as np
import pytest

from hugot.inputs.planner import finished, plan
from hugot.inputs.rows import Padding, TokenRows
from hugot.inputs.shapes import GroupCost

# (rows, longest row)
SIZES = [(1, 0), (1, 1), (1, 600), (2, 5), (40, 3), (300, 60), (1000, 512)]
BUDGETS = [1, 16, 256, 16_384]
CAPS = [None, 1, 2, 7]
over_sizes = pytest.mark.parametrize("size", SIZES, ids=str)
over_budgets = pytest.mark.parametrize("budget", BUDGETS)
over_caps = pytest.mark.parametrize("cap", CAPS)
padded_or_not = pytest.mark.parametrize("pads", [True, False], ids=["padded", "unpadded"])


def rows_of(lengths):
    offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    return TokenRows(np.zeros(offsets[-1], np.int32), offsets, None, (), Padding())


def random_rows(size):
    rows, longest = size
    # Squares, so that most rows are short, as most texts are, and a few have no tokens.
    return rows_of((np.random.default_rng(size).random(rows) ** 2 * longest).round().astype(int))


def numbers_in(groups):
    return [row for group in groups for row in group.rows.tolist()]


@padded_or_not
@over_caps
@over_budgets
@over_sizes
def test_every_row_with_tokens_is_in_exactly_one_group(size, budget, cap, pads):
    made = random_rows(size)
    rows = numbers_in(plan(made, budget, cap, pads=pads))
    assert sorted(rows) == np.flatnonzero(made.lengths).tolist()


@padded_or_not
@over_caps
@over_budgets
@over_sizes
def test_a_padded_group_keeps_to_the_budget_unless_it_is_one_row(size, budget, cap, pads):
    for group in plan(random_rows(size), budget, cap, pads=pads):
        assert len(group.rows) == 1 or len(group.rows) * group.width <= budget


@padded_or_not
@over_sizes
@pytest.mark.parametrize("cap", [1, 2, 7])
def test_no_group_has_more_rows_than_the_cap(size, cap, pads):
    groups = plan(random_rows(size), 16_384, cap, pads=pads)
    assert all(len(group.rows) <= cap for group in groups)


@padded_or_not
@over_caps
@over_sizes
def test_the_rows_of_a_group_go_from_the_longest_to_the_shortest(size, cap, pads):
    made = random_rows(size)
    for group in plan(made, 256, cap, pads=pads):
        assert (np.diff(made.lengths[group.rows]) <= 0).all()


@over_sizes
def test_the_most_expensive_group_begins_first(size):
    cost = GroupCost(overhead=10.0, quadratic=1e-3)
    groups = plan(random_rows(size), 256, workers=3, cost=cost)
    costs = [10.0 + len(g.rows) * g.width * (1 + 1e-3 * g.width) for g in groups]
    assert costs == sorted(costs, reverse=True)


@over_budgets
@over_sizes
def test_a_group_is_as_wide_as_its_longest_row(size, budget):
    made = random_rows(size)
    for group in plan(made, budget):
        assert group.width == made.lengths[group.rows].max()


@over_budgets
@over_sizes
def test_without_padding_all_rows_of_a_group_have_one_length(size, budget):
    made = random_rows(size)
    for group in plan(made, budget, pads=False):
        assert set(made.lengths[group.rows].tolist()) == {group.width}


def test_rows_of_one_length_keep_their_order():
    groups = plan(rows_of([3] * 10), 12)
    assert sorted(numbers_in(groups)) == list(range(10))
    assert all(group.rows.tolist() == sorted(group.rows.tolist()) for group in groups)


def test_a_row_longer_than_the_budget_stands_alone():
    groups = plan(rows_of([2, 100, 2]), 10)
    assert [(group.rows.tolist(), group.width) for group in groups] == [([1], 100), ([0, 2], 2)]


def test_rows_without_tokens_are_in_no_group():
    assert numbers_in(plan(rows_of([0, 3, 0, 1]), 256)) == [1, 3]


def test_sorting_leaves_little_padding():
    made = random_rows((1000, 128))
    padded = sum(len(group.rows) * group.width for group in plan(made, 256))
    assert padded < 1.05 * made.size


@pytest.mark.parametrize("lengths", [[], [0], [0, 0, 0]], ids=str)
def test_no_tokens_make_no_groups(lengths):
    assert plan(rows_of(lengths), 256) == []


@pytest.mark.parametrize("workers", [1, 2, 3, 8])
@pytest.mark.parametrize("rows", [1, 7, 50, 1000])
def test_the_plan_keeps_all_workers_busy_until_the_end(rows, workers):
    made = random_rows((rows, 40))
    cost = GroupCost()
    groups = plan(made, 256, workers=workers, cost=cost)
    costs = [cost.overhead + len(g.rows) * g.width * (1 + cost.quadratic * g.width) for g in groups]
    one = plan(made, 256, workers=1, cost=cost)
    least = sum(cost.overhead + len(g.rows) * g.width * (1 + cost.quadratic * g.width) for g in one)
    if made.size > 200 * workers:
        assert finished(costs, workers) < 1.15 * least / workers


def test_workers_take_the_next_group_as_soon_as_they_are_free():
    assert finished([5, 4, 3, 3, 3], 2) == 10
    assert finished([5], 4) == 5
    assert finished([], 2) == 0


def test_a_group_is_cut_in_two_where_the_workers_would_end_unevenly():
    groups = plan(rows_of([32] * 200), 256, workers=2, cost=GroupCost(12.0, 1e-3))
    assert sorted(len(group.rows) for group in groups) == [4] * 2 + [8] * 24


def test_one_worker_has_no_group_cut_in_two():
    groups = plan(rows_of([32] * 200), 256, workers=1, cost=GroupCost(12.0, 1e-3))
    assert [len(group.rows) for group in groups] == [8] * 25
