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
@pytest.mark.parametrize("batch", BATCHES[:-1], ids=str)
def test_groups_keep_to_the_rules_and_cost_the_least(batch, budget, cap, pads):
    offsets = random_offsets(*batch)
    order = sort_by_length(offsets)
    lengths = np.diff(offsets)[order].tolist()
    begins, costs = grouping.cut_groups(offsets, order, budget, cap, pads, 12.0, 1e-3)
    groups = [lengths[begin:end] for begin, end in pairwise(begins)]
    assert [length for group in groups for length in group] == lengths
    for group in groups:
        assert len(group) == 1 or (len(group) <= cap and len(group) * group[0] <= budget)
        assert pads or len(set(group)) == 1
    expected = [reference.group_cost(len(group), group[0], 12.0, 1e-3) for group in groups]
    assert costs == pytest.approx(expected)
    least = reference.least_cost(lengths, budget, cap, pads, 12.0, 1e-3)
    assert sum(costs) == pytest.approx(least)


def test_groups_end_with_the_number_of_rows():
    offsets = random_offsets(50, 4)
    order = sort_by_length(offsets)
    assert grouping.cut_groups(offsets, order, 16, 2**62, True, 1.0, 0.0)[0][-1] == 50


def test_a_high_overhead_makes_few_groups_and_none_makes_no_padding():
    offsets = random_offsets(50, 9)
    order = sort_by_length(offsets)
    few, _ = grouping.cut_groups(offsets, order, 10_000, 2**62, True, 1e6, 0.0)
    _, costs = grouping.cut_groups(offsets, order, 10_000, 2**62, True, 0.0, 0.0)
    assert few == [0, 50]
    assert sum(costs) == offsets[-1]


def test_no_rows_make_no_groups():
    nothing = np.zeros(0, np.int64)
    assert grouping.cut_groups(np.zeros(1, np.int64), nothing, 1, 1, True, 1.0, 0.0) == ([0], [])
