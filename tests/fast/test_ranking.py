import numpy as np
import pytest
import reference

from hugot._fast import ranking

SHAPES = [(0, 0), (0, 3), (3, 0), (1, 1), (5, 2), (4, 9), (3, 33), (3, 70), (2, 1000)]


def random_scores(shape, special=False):
    """Scores that often tie; with `special`, including infinities, both zeros and NaN."""
    rng = np.random.default_rng(shape)
    scores = (rng.integers(-20, 20, shape) / 8).astype(np.float32)
    if special:
        others = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0], np.float32)
        chosen = rng.random(shape) < 0.4
        scores[chosen] = rng.choice(others, chosen.sum())
    return scores


@pytest.mark.parametrize("special", [False, True])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_highest_scores_come_first_and_equal_ones_in_the_order_of_their_labels(shape, special):
    scores = random_scores(shape, special)
    for k in sorted({1, 2, 5, 31, 32, 33, shape[1]}):
        if k > shape[1]:
            continue
        order = np.full((shape[0], k), -9, np.int32)
        values = np.full((shape[0], k), -9, np.float32)
        ranking.top_k(scores, order, values)
        expected = reference.top_k(scores, k)
        np.testing.assert_array_equal(order, expected)
        np.testing.assert_array_equal(values, np.take_along_axis(scores, expected, axis=1))


def classify(logits, function, k, rows=None):
    rows = np.arange(len(logits)) if rows is None else np.array(rows)
    labels = [f"L{i}" for i in range(logits.shape[1])]
    results = [None] * (int(rows.max(initial=-1)) + 1)
    ranking.classify(logits.copy(), rows, ranking.FUNCTIONS[function], k, labels, results)
    return results


def scored(logits, function):
    return {"softmax": reference.softmax, "sigmoid": reference.sigmoid, "none": np.asarray}[
        function
    ](logits)


@pytest.mark.parametrize("k", [1, 3, 40, 1000])
@pytest.mark.parametrize("function", ["softmax", "sigmoid", "none"])
@pytest.mark.parametrize("shape", [(1, 2), (7, 5), (3, 60)], ids=str)
def test_a_row_becomes_its_best_labels_with_their_scores(shape, function, k):
    logits = np.random.default_rng(shape).standard_normal(shape).astype(np.float32)
    scores = scored(logits, function)
    for row, best in enumerate(classify(logits, function, k)):
        order = reference.top_k(scores[row : row + 1], min(k, shape[1]))[0]
        assert [each["label"] for each in best] == [f"L{i}" for i in order]
        np.testing.assert_allclose(
            [each["score"] for each in best], scores[row, order], rtol=1e-6, atol=1e-30
        )


@pytest.mark.parametrize("function", ["softmax", "sigmoid", "none"])
def test_without_a_number_of_labels_the_result_is_the_best_label_alone(function):
    logits = np.random.default_rng(1).standard_normal((9, 6)).astype(np.float32)
    scores = scored(logits, function)
    for row, best in enumerate(classify(logits, function, 0)):
        assert best["label"] == f"L{scores[row].argmax()}"
        assert best["score"] == pytest.approx(scores[row].max(), rel=1e-6)


def test_the_best_label_is_that_of_the_first_nan_as_with_argmax():
    logits = np.array([[1, np.nan, 3, np.nan], [0, 2, 2, 1]], np.float32)
    assert [each["label"] for each in classify(logits, "none", 0)] == ["L1", "L1"]


def test_scores_are_floats_of_python_with_the_value_of_the_float32():
    logits = np.array([[0.1, 0.2]], np.float32)
    [best] = classify(logits, "none", 0)
    assert type(best["score"]) is float
    assert best["score"] == float(np.float32(0.2))


@pytest.mark.parametrize("k", [0, 2])
def test_each_row_of_a_group_goes_to_its_own_place(k):
    logits = np.eye(3, dtype=np.float32)
    results = classify(logits, "softmax", k, rows=[4, 0, 2])
    assert [each is None for each in results] == [False, True, False, True, False]
    best = [results[i] if k == 0 else results[i][0] for i in (4, 0, 2)]
    assert [each["label"] for each in best] == ["L0", "L1", "L2"]


@pytest.mark.parametrize("k", [0, 1])
def test_no_rows_have_no_labels(k):
    assert classify(np.empty((0, 3), np.float32), "softmax", k) == []


@pytest.mark.parametrize("k", [0, 2])
def test_without_row_numbers_each_row_goes_to_the_place_that_it_has(k):
    logits = np.random.default_rng(k).standard_normal((4, 3)).astype(np.float32)
    labels, results = ["a", "b", "c"], [None] * 4
    ranking.classify(logits.copy(), None, ranking.FUNCTIONS["softmax"], k, labels, results)
    expected = [None] * 4
    ranking.classify(logits.copy(), np.arange(4), ranking.FUNCTIONS["softmax"], k, labels, expected)
    assert results == expected
