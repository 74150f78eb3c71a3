"""Entities of groups of rows, compared with a slow implementation that takes row by row."""

from types import SimpleNamespace

import numpy as np
import pytest
import reference

from hugot._fast import aggregation
from hugot._fast.entities import EntityFinder, EntityRules
from hugot._fast.joining import TokenJoiner
from hugot._fast.row_tokens import TokenStrings

STRATEGIES = list(aggregation.STRATEGIES)
LABELS = ["O", "B-PER", "I-PER", "I-A-B", "A-B"]
VOCABULARY = {
    0: "[UNK]",
    1: "[CLS]",
    3: "a",
    4: "##a",
    5: "##ab",
    6: "word",
    70_000: "\u00e9t\u00e9",
}
TEXT = "a word of \U0001f600 \u00e9t\u00e9 " * 5


class FakeEncoding:
    """A fake of the tokenizer's `Encoding`."""

    def __init__(self, special, offsets, word_ids=None):
        self.special_tokens_mask = special
        self.offsets = offsets
        self.word_ids = word_ids

    def token_to_chars(self, token):
        # Tokens that the tokenizer added have no span.
        return None if self.special_tokens_mask[token] else self.offsets[token]


def random_row(rng, count, text_length):
    """Ids, and an encoding with spans in the text, some of which are empty."""
    ids = rng.choice(list(VOCABULARY), count)
    starts = rng.integers(0, text_length + 1, count)
    stops = np.minimum(starts + rng.integers(0, 5, count), text_length)
    special = (rng.random(count) < 0.15).astype(int)
    return ids, FakeEncoding(
        special.tolist(), list(zip(starts.tolist(), stops.tolist(), strict=True))
    )


def random_batch(seed, lengths):
    rng = np.random.default_rng([seed, *lengths])
    rows = [random_row(rng, count, len(TEXT)) for count in lengths]
    return SimpleNamespace(
        ids=np.concatenate([np.empty(0, int), *(ids for ids, _ in rows)]).astype(np.int32),
        offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        encodings=[encoding for _, encoding in rows],
        sources=None,
    )


def random_logits(seed, batch, rows, width, left):
    """Logits with NaN at the padding."""
    rng = np.random.default_rng(seed)
    logits = np.full((len(rows), width, len(LABELS)), np.nan, np.float32)
    for line, row in zip(logits, rows, strict=True):
        count = int(batch.offsets[row + 1] - batch.offsets[row])
        line[width - count if left else 0 :][:count] = rng.standard_normal((count, len(LABELS))) * 2
    return logits


def finder_of(unknown, marks):
    split = [reference.split_label(label) for label in LABELS]
    tags = list(dict.fromkeys(tag for _, tag in split))
    return EntityFinder(
        np.array([tags.index(tag) for _, tag in split], np.int32),
        np.array([begins for begins, _ in split], np.uint8),
        TokenStrings(VOCABULARY.__getitem__, unknown, marks),
        TokenJoiner(" ".join, True),
    )


def find(logits, batch, rows, texts, strategy="simple", left=False, marks=True, unknown=0, **rules):
    finder = finder_of(unknown, marks)
    ignored, delimiter = rules.get("ignored", ("O",)), rules.get("delimiter", " ")
    results = [None] * len(batch.encodings)
    finder.find(
        logits.copy(),
        batch,
        np.array(rows, np.int64),
        left,
        texts,
        EntityRules(aggregation.STRATEGIES[strategy], LABELS, ignored, delimiter),
        results,
    )
    return results


def expected_row(logits, batch, row, text, strategy, left, marks, unknown):
    begin, end = batch.offsets[row], batch.offsets[row + 1]
    line = logits[len(logits) - (end - begin) :] if left else logits[: end - begin]
    return reference.entities(
        reference.softmax(line).astype(np.float32),
        [VOCABULARY[each] for each in batch.ids[begin:end].tolist()],
        batch.encodings[row],
        text,
        strategy,
        LABELS,
        marks=marks,
        unknown=VOCABULARY[unknown] if unknown >= 0 else None,
    )


def same(found, expected):
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert list(one) == list(other)
        assert one.pop("score") == pytest.approx(other.pop("score"), rel=1e-6)
        assert one == other


@pytest.mark.parametrize("unknown", [0, -1])
@pytest.mark.parametrize("marks", [True, False], ids=["marks", "blanks"])
@pytest.mark.parametrize("left", [False, True], ids=["right", "left"])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_entities_of_a_group_are_those_of_each_row(strategy, left, marks, unknown):
    for seed, lengths in enumerate([[1], [4, 0, 9, 2], [30] * 5, [70, 3], [17, 16, 15, 1, 1]]):
        batch = random_batch(seed, lengths)
        rows = np.random.default_rng(seed).permutation(len(lengths))
        logits = random_logits(seed, batch, rows, max(lengths) + 2, left)
        texts = [TEXT] * len(lengths)
        results = find(logits, batch, rows, texts, strategy, left, marks, unknown)
        for line, row in zip(logits, rows.tolist(), strict=True):
            expected = expected_row(line, batch, row, TEXT, strategy, left, marks, unknown)
            same(results[row], expected)


@pytest.mark.parametrize("tokens", [0, 1, 17])
@pytest.mark.parametrize("marks", [True, False], ids=["marks", "blanks"])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_entities_of_a_lone_row_are_those_of_a_group_of_it(strategy, marks, tokens):
    batch = random_batch(3, [tokens])
    logits = random_logits(3, batch, [0], tokens, left=False)
    [expected] = find(logits, batch, [0], [TEXT], strategy, False, marks)
    found = finder_of(0, marks).find_row(
        logits.copy(),
        batch.ids.tolist(),
        batch.encodings[0],
        TEXT,
        EntityRules(aggregation.STRATEGIES[strategy], LABELS, ("O",), " "),
    )
    assert found == (expected or [])


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_rows_of_other_groups_keep_their_results(strategy):
    batch = random_batch(1, [3, 5, 2])
    logits = random_logits(1, batch, [1], 5, left=False)
    results = find(logits, batch, [1], [TEXT] * 3, strategy)
    assert [each is None for each in results] == [True, False, True]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_group_without_rows_or_tokens_changes_nothing(strategy):
    batch = random_batch(1, [0, 0])
    assert find(np.empty((0, 4, 5), np.float32), batch, [], [TEXT] * 2, strategy) == [None] * 2
    assert find(np.empty((2, 0, 5), np.float32), batch, [0, 1], [TEXT] * 2, strategy) == [None] * 2


def one_token_row(label, token=3, **encoding):
    logits = np.zeros((1, 1, len(LABELS)), np.float32)
    logits[0, 0, LABELS.index(label)] = 5
    batch = SimpleNamespace(
        ids=np.array([token], np.int32),
        offsets=np.array([0, 1]),
        encodings=[FakeEncoding([0], **encoding)],
        sources=None,
    )
    return logits, batch, [0]


@pytest.mark.parametrize(
    ("strategy", "ignored", "found"),
    [
        ("none", ["I-A-B"], 0),
        ("none", ["A-B"], 1),
        ("none", ["O"], 1),
        ("simple", ["A-B"], 0),
        ("simple", ["I-A-B"], 1),
        ("simple", [], 1),
    ],
)
def test_ignored_are_labels_of_tokens_and_names_of_groups(strategy, ignored, found):
    row = one_token_row("I-A-B", offsets=[(0, 1)])
    results = find(*row, [TEXT], strategy, ignored=ignored)
    assert len(results[0]) == found


@pytest.mark.parametrize(("label", "name"), [("B-PER", "PER"), ("I-A-B", "A-B"), ("A-B", "B")])
def test_a_group_is_named_by_what_follows_the_first_dash_of_its_label(label, name):
    [[entity]] = find(*one_token_row(label, offsets=[(0, 1)]), [TEXT])
    assert entity["entity_group"] == name


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_an_unknown_token_is_printed_as_the_text_that_it_stands_for(strategy):
    row = one_token_row("B-PER", token=0, offsets=[(2, 6)])
    [[entity]] = find(*row, [TEXT], strategy)
    assert entity["word"] == "word"


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_spans_of_words_count_from_the_beginning_of_the_joined_text(strategy):
    row = one_token_row("B-PER", token=0, offsets=[(0, 3)], word_ids=[2])
    [[entity]] = find(*row, [["x", "yy", "abc"]], strategy, delimiter=", ")
    assert (entity["word"], entity["start"], entity["end"]) == ("abc", 7, 10)


def test_a_text_of_several_rows_serves_each_of_them():
    batch = random_batch(5, [6, 6])
    batch.sources = [1, 1]
    logits = random_logits(5, batch, [0, 1], 6, left=False)
    results = find(logits, batch, [0, 1], ["", TEXT])
    for row in (0, 1):
        same(results[row], expected_row(logits[row], batch, row, TEXT, "simple", False, True, 0))


def test_an_error_of_an_encoding_reaches_the_caller():
    logits, batch, rows = one_token_row("B-PER", offsets=[(0, 1)])
    del batch.encodings[0].special_tokens_mask
    with pytest.raises(AttributeError, match="special_tokens_mask"):
        find(logits, batch, rows, [TEXT])


def test_strings_of_ids_beyond_the_number_of_entries_are_found():
    strings = TokenStrings(VOCABULARY.__getitem__, -1, True)
    assert [strings.string(each) for each in (6, 70_000, 3, 70_000)] == [
        VOCABULARY[each] for each in (6, 70_000, 3, 70_000)
    ]


def test_strings_are_asked_for_once():
    asked = []
    strings = TokenStrings(lambda token_id: asked.append(token_id) or "", -1, True)
    assert [strings.string(each) for each in (5, 900, 5, 900)] == [""] * 4
    assert asked == [5, 900]
