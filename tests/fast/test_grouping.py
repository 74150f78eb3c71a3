from itertools import pairwise

import numpy as np
import pytest
import reference

from hugot._fast import grouping

BUDGETS = [1, 2, 7, 64, 256, 10_000, 2**62]
CAPS = [1, 2, 5, 2**62]
# (rows, longest row)
BATCHES = [(0, 0), (1, 0), (1, 1), (1, 500), (2, 3), (10, 0), (50, 4), (300, 30), (1000, 512)]


def random_offsets(rows, longest):
    lengths = np.random.default_rng([rows, longest]).integers(0, longest + 1, rows)
    return np.concatenate([[0], lengths.cumsum()]).astype(np.int64)


def sort_by_length(offsets):
    order = np.full(len(offsets) - 1, -1, np.int64)
    grouping.sort_by_length(offsets, order)
    return order


@pytest.mark.parametrize("batch", BATCHES, ids=str)
def test_rows_are_sorted_by_length_longest_first_and_equal_ones_in_order(batch):
    offsets = random_offsets(*batch)
    assert sort_by_length(offsets).tolist() == reference.sort_by_length(offsets)


def test_sorting_counts_from_where_each_row_begins_and_not_from_zero():
    offsets = np.array([1000, 1001, 1004, 1004], np.int64)
    assert sort_by_length(offsets).tolist() == [1, 0, 2]


@pytest.mark.parametrize("pads", [True, False], ids=["padded", "unpadded"])
@pytest.mark.parametrize("cap", CAPS)
@pytest.mark.parametrize("budget", BUDGETS)
@pytest.mark.parametrize("batch", BATCHES, ids=str)
def test_a_group_is_filled_as_long_as_its_rows_fit_together(batch, budget, cap, pads):
    offsets = random_offsets(*batch)
    order = sort_by_length(offsets)
    begins = grouping.cut_groups(offsets, order, budget, cap, pads)
    groups = [order[begin:end].tolist() for begin, end in pairwise(begins)]
    assert groups == reference.cut_groups(offsets, order.tolist(), budget, cap, pads)


def test_groups_end_with_the_number_of_rows():
    offsets = random_offsets(50, 4)
    assert grouping.cut_groups(offsets, sort_by_length(offsets), 16, 2**62, True)[-1] == 50


def test_rows_without_tokens_share_one_group():
    offsets = np.zeros(9, np.int64)
    assert grouping.cut_groups(offsets, np.arange(8), 1, 2**62, False) == [0, 8]
