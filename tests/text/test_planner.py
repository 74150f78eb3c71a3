import numpy as np
import pytest

from hugot.text.batch import TokenBatch
from hugot.text.planner import plan

# (rows, longest row)
BATCHES = [(1, 0), (1, 1), (1, 600), (2, 5), (40, 3), (300, 60), (1000, 512)]
BUDGETS = [1, 16, 256, 16_384]
CAPS = [None, 1, 2, 7]
over_batches = pytest.mark.parametrize("size", BATCHES, ids=str)
over_budgets = pytest.mark.parametrize("budget", BUDGETS)
over_caps = pytest.mark.parametrize("cap", CAPS)


def batch_of(lengths):
    offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    return TokenBatch(np.zeros(offsets[-1], np.int32), offsets, None, ())


def random_batch(size):
    rows, longest = size
    # Squares, so that most rows are short, as most texts are.
    return batch_of((np.random.default_rng(size).random(rows) ** 2 * longest).round().astype(int))


@over_caps
@over_budgets
@over_batches
def test_every_row_is_in_exactly_one_group(size, budget, cap):
    batch = random_batch(size)
    rows = np.concatenate([group.rows for group in plan(batch, budget, cap)])
    assert sorted(rows.tolist()) == list(range(len(batch)))


@over_caps
@over_budgets
@over_batches
def test_a_padded_group_keeps_to_the_budget_unless_it_is_one_row(size, budget, cap):
    groups = plan(random_batch(size), budget, cap)
    assert all(len(group.rows) == 1 or len(group.rows) * group.width <= budget for group in groups)


@over_batches
@pytest.mark.parametrize("cap", [1, 2, 7])
def test_no_group_has_more_rows_than_the_cap(size, cap):
    groups = plan(random_batch(size), 16_384, cap)
    assert max(len(group.rows) for group in groups) <= cap


@over_caps
@over_batches
def test_rows_go_from_the_longest_to_the_shortest(size, cap):
    batch = random_batch(size)
    rows = np.concatenate([group.rows for group in plan(batch, 256, cap)])
    assert (np.diff(batch.lengths[rows]) <= 0).all()


@over_budgets
@over_batches
def test_a_group_is_as_wide_as_its_longest_row(size, budget):
    batch = random_batch(size)
    groups = plan(batch, budget)
    assert [group.width for group in groups] == [
        batch.lengths[group.rows].max() for group in groups
    ]


@over_caps
@over_budgets
@over_batches
def test_no_group_could_have_taken_the_first_row_of_the_next(size, budget, cap):
    groups = plan(random_batch(size), budget, cap)
    for group in groups[:-1]:
        full = len(group.rows) == cap
        assert full or (len(group.rows) + 1) * group.width > budget


def test_rows_of_one_length_keep_their_order():
    groups = plan(batch_of([3] * 10), 12)
    assert [group.rows.tolist() for group in groups] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_a_row_longer_than_the_budget_stands_alone():
    groups = plan(batch_of([2, 100, 2]), 10)
    assert [(group.rows.tolist(), group.width) for group in groups] == [([1], 100), ([0, 2], 2)]


def test_sorting_leaves_little_padding():
    batch = random_batch((1000, 128))
    padded = sum(len(group.rows) * group.width for group in plan(batch, 256))
    assert padded < 1.05 * batch.token_count


def test_no_rows_make_no_groups():
    assert plan(batch_of([]), 256) == []
