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
padded_or_not = pytest.mark.parametrize("pads", [True, False], ids=["padded", "unpadded"])


def batch_of(lengths):
    offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    return TokenBatch(np.zeros(offsets[-1], np.int32), offsets, None, ())


def random_batch(size):
    rows, longest = size
    # Squares, so that most rows are short, as most texts are, and a few have no tokens.
    return batch_of((np.random.default_rng(size).random(rows) ** 2 * longest).round().astype(int))


def rows_of(groups):
    return [row for group in groups for row in group.rows.tolist()]


@padded_or_not
@over_caps
@over_budgets
@over_batches
def test_every_row_with_tokens_is_in_exactly_one_group(size, budget, cap, pads):
    batch = random_batch(size)
    rows = rows_of(plan(batch, budget, cap, pads=pads))
    assert sorted(rows) == np.flatnonzero(batch.lengths).tolist()


@padded_or_not
@over_caps
@over_budgets
@over_batches
def test_a_padded_group_keeps_to_the_budget_unless_it_is_one_row(size, budget, cap, pads):
    for group in plan(random_batch(size), budget, cap, pads=pads):
        assert len(group.rows) == 1 or len(group.rows) * group.width <= budget


@padded_or_not
@over_batches
@pytest.mark.parametrize("cap", [1, 2, 7])
def test_no_group_has_more_rows_than_the_cap(size, cap, pads):
    groups = plan(random_batch(size), 16_384, cap, pads=pads)
    assert all(len(group.rows) <= cap for group in groups)


@padded_or_not
@over_caps
@over_batches
def test_rows_go_from_the_longest_to_the_shortest(size, cap, pads):
    batch = random_batch(size)
    rows = rows_of(plan(batch, 256, cap, pads=pads))
    assert (np.diff(batch.lengths[rows]) <= 0).all()


@over_budgets
@over_batches
def test_a_group_is_as_wide_as_its_longest_row(size, budget):
    batch = random_batch(size)
    for group in plan(batch, budget):
        assert group.width == batch.lengths[group.rows].max()


@over_budgets
@over_batches
def test_without_padding_all_rows_of_a_group_have_one_length(size, budget):
    batch = random_batch(size)
    for group in plan(batch, budget, pads=False):
        assert set(batch.lengths[group.rows].tolist()) == {group.width}


@over_caps
@over_budgets
@over_batches
def test_no_group_could_have_taken_the_first_row_of_the_next(size, budget, cap):
    for group in plan(random_batch(size), budget, cap)[:-1]:
        full = len(group.rows) == cap
        assert full or (len(group.rows) + 1) * group.width > budget


def test_rows_of_one_length_keep_their_order():
    groups = plan(batch_of([3] * 10), 12)
    assert [group.rows.tolist() for group in groups] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_a_row_longer_than_the_budget_stands_alone():
    groups = plan(batch_of([2, 100, 2]), 10)
    assert [(group.rows.tolist(), group.width) for group in groups] == [([1], 100), ([0, 2], 2)]


def test_rows_without_tokens_are_in_no_group():
    assert rows_of(plan(batch_of([0, 3, 0, 1]), 256)) == [1, 3]


def test_sorting_leaves_little_padding():
    batch = random_batch((1000, 128))
    padded = sum(len(group.rows) * group.width for group in plan(batch, 256))
    assert padded < 1.05 * batch.token_count


@pytest.mark.parametrize("lengths", [[], [0], [0, 0, 0]], ids=str)
def test_no_tokens_make_no_groups(lengths):
    assert plan(batch_of(lengths), 256) == []
