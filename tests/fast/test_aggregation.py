import numpy as np
import pytest
import reference

from hugot._fast import aggregation

STRATEGIES = ["none", "simple", "first", "average", "max"]
LABEL_SETS = [
    ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"],
    ["I-MISC", "MISC", "O", "B-MISC"],
    ["NOUN", "VERB", "B-", "I-"],
    ["B-A-B", "I-A-B", "A-B"],
    ["O"],
]
SIZES = [0, 1, 2, 3, 8, 60]


def random_scores(rng, tokens, labels, ties):
    """Probabilities; with `ties` they are multiples of 1/8, so that labels and tokens often tie."""
    if ties:
        return (rng.integers(0, 9, (tokens, labels)) / 8).astype(np.float32)
    scores = rng.random((tokens, labels)).astype(np.float32)
    return scores / scores.sum(axis=1, keepdims=True)


def label_arrays(labels):
    split = [reference.split_label(label) for label in labels]
    tags = list(dict.fromkeys(tag for _, tag in split))
    return (
        np.array([tags.index(tag) for _, tag in split], np.int32),
        np.array([begins for begins, _ in split], np.uint8),
    )


def aggregate(scores, special, subword, strategy, labels):
    """The result of the kernel in the form of the reference."""
    count = len(special)
    tokens = np.full(count, -9, np.int32)
    units = np.full((count, 3), -9, np.int32)
    unit_scores = np.full(count, -9, np.float32)
    entities = np.full((count, 2), -9, np.int32)
    entity_scores = np.full(count, -9, np.float32)
    unit_count, entity_count = aggregation.aggregate(
        scores,
        special,
        subword,
        aggregation.STRATEGIES[strategy],
        *label_arrays(labels),
        tokens,
        units,
        unit_scores,
        entities,
        entity_scores,
    )
    return (
        tokens[: int((special == 0).sum())].tolist(),
        with_scores(units[:unit_count], unit_scores[:unit_count]),
        with_scores(entities[:entity_count], entity_scores[:entity_count]),
    )


def with_scores(rows, scores):
    return [(*row, score) for row, score in zip(rows.tolist(), scores, strict=True)]


def check(scores, special, subword, strategy, labels):
    tokens, units, entities = aggregate(scores, special, subword, strategy, labels)
    expected = reference.aggregate(scores, special, subword, strategy, labels)
    assert tokens == expected[0]
    assert units == expected[1]
    assert [entity[:2] for entity in entities] == [entity[:2] for entity in expected[2]]
    np.testing.assert_allclose(
        [entity[2] for entity in entities], [entity[2] for entity in expected[2]], rtol=2e-7
    )


def one_hot(*labels, of):
    """Scores of 0.9 for a label of each token."""
    scores = np.full((len(labels), len(of)), 0.1 / max(len(of) - 1, 1), np.float32)
    for token, label in enumerate(labels):
        scores[token, of.index(label)] = 0.9
    return scores


def entities_of(labels, strategy="simple", subword=()):
    """Begin and end of each entity in units, for tokens with these labels."""
    kinds = sorted(set(labels))
    special = np.zeros(len(labels), np.uint8)
    flags = np.isin(np.arange(len(labels)), subword).astype(np.uint8)
    _, _, entities = aggregate(one_hot(*labels, of=kinds), special, flags, strategy, kinds)
    return [entity[:2] for entity in entities]


def test_the_strategies_are_those_of_transformers():
    assert list(aggregation.STRATEGIES) == STRATEGIES


@pytest.mark.parametrize("ties", [False, True], ids=["distinct", "ties"])
@pytest.mark.parametrize("labels", LABEL_SETS, ids=" ".join)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_aggregation_follows_the_rules_of_transformers(strategy, size, labels, ties):
    for seed in range(5):
        rng = np.random.default_rng([seed, size, len(labels)])
        check(
            random_scores(rng, size, len(labels), ties),
            (rng.random(size) < 0.15).astype(np.uint8),
            (rng.random(size) < 0.4).astype(np.uint8),
            strategy,
            labels,
        )


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_aggregation_reads_scores_that_are_part_of_a_larger_array(strategy):
    labels = LABEL_SETS[0]
    larger = random_scores(np.random.default_rng(2), 20, len(labels), ties=False)
    scores = larger[4:12]
    check(scores, np.zeros(8, np.uint8), np.tile([0, 1], 4).astype(np.uint8), strategy, labels)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_row_of_special_tokens_alone_has_no_units(strategy):
    labels = LABEL_SETS[0]
    special = np.ones(4, np.uint8)
    found = aggregate(one_hot(*labels[:4], of=labels), special, special, strategy, labels)
    assert found == ([], [], [])


def test_the_strategy_none_makes_no_entities():
    assert entities_of(["B-PER", "I-PER"], "none") == []


def test_an_inner_label_continues_the_entity_of_its_tag():
    assert entities_of(["B-PER", "I-PER", "I-PER"]) == [(0, 3)]


def test_a_beginning_label_begins_an_entity_even_after_its_own_tag():
    assert entities_of(["B-PER", "B-PER", "I-PER"]) == [(0, 1), (1, 3)]


def test_an_inner_label_of_another_tag_begins_an_entity():
    assert entities_of(["B-PER", "I-LOC", "I-LOC"]) == [(0, 1), (1, 3)]


def test_a_label_without_prefix_continues_one_of_the_same_tag():
    assert entities_of(["I-PER", "PER", "O", "PER"]) == [(0, 2), (2, 3), (3, 4)]


def test_the_strategy_simple_does_not_look_at_words():
    assert entities_of(["B-PER", "B-PER"], "simple", subword=[1]) == [(0, 1), (1, 2)]


@pytest.mark.parametrize("strategy", ["first", "average", "max"])
def test_a_word_has_one_label_though_its_tokens_differ(strategy):
    assert entities_of(["B-PER", "B-LOC", "I-LOC"], strategy, subword=[1, 2]) == [(0, 1)]


@pytest.mark.parametrize("strategy", ["first", "average", "max"])
def test_a_row_may_begin_within_a_word(strategy):
    assert entities_of(["B-PER", "I-PER", "O"], strategy, subword=[0, 1]) == [(0, 1), (1, 2)]


@pytest.mark.parametrize(
    ("strategy", "label", "score"), [("first", 1, 0.6), ("average", 2, 0.45), ("max", 3, 0.8)]
)
def test_each_strategy_has_its_own_way_to_label_a_word(strategy, label, score):
    scores = [[0.0, 0.6, 0.4, 0.0], [0.0, 0.0, 0.2, 0.8], [0.05, 0.2, 0.75, 0.0]]
    _, units, _ = aggregate(
        np.array(scores, np.float32),
        np.zeros(3, np.uint8),
        np.array([0, 1, 1], np.uint8),
        strategy,
        ["O", "A", "B", "C"],
    )
    assert [(*unit[:3], round(float(unit[3]), 6)) for unit in units] == [(0, 3, label, score)]


def test_the_score_of_an_entity_is_the_mean_of_its_units():
    labels = ["A", "O"]
    scores = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]], np.float32)
    _, _, entities = aggregate(
        scores, np.zeros(3, np.uint8), np.zeros(3, np.uint8), "simple", labels
    )
    np.testing.assert_allclose([entity[2] for entity in entities], [0.75, 0.8], rtol=2e-7)
