"""Slow and obvious counterparts of the compiled kernels, in numpy and plain Python.

Numbers are float64 wherever the kernels use float32, so that a difference between the two is the
kernel's rounding error.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np


def softmax(x):
    """Softmax of each row; the maximum is taken off in float32, as transformers does it."""
    if x.size == 0:
        return x.astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        exponentials = np.exp((x - x.max(axis=1, keepdims=True)).astype(np.float64))
        return exponentials / exponentials.sum(axis=1, keepdims=True)


def sigmoid(x):
    """1 / (1 + e**-x) of each element."""
    with np.errstate(over="ignore"):
        return 1.0 / (1.0 + np.exp(-x.astype(np.float64)))


def pool(hidden_state, starts, stops, skip, mode):
    """One vector per row [group, dim], as `sentence_transformers.models.Pooling` computes it."""
    group, _, dim = hidden_state.shape
    pooled = np.zeros((group, dim))
    for i in range(group):
        tokens = hidden_state[i, starts[i] + skip : stops[i]].astype(np.float64)
        if len(tokens) == 0:
            continue
        if mode == "cls":
            pooled[i] = tokens[0]
        elif mode == "lasttoken":
            pooled[i] = tokens[-1]
        elif mode == "max":
            pooled[i] = tokens.max(axis=0)
        elif mode == "mean":
            pooled[i] = tokens.sum(axis=0) / len(tokens)
        elif mode == "mean_sqrt_len":
            pooled[i] = tokens.sum(axis=0) / np.sqrt(len(tokens))
        elif mode == "weightedmean":
            weights = np.arange(skip + 1, skip + len(tokens) + 1)
            pooled[i] = (tokens * weights[:, None]).sum(axis=0) / weights.sum()
        else:
            raise ValueError(mode)
    return pooled


def normalize(x):
    """Each row divided by its Euclidean length, which counts as at least 1e-12."""
    x = x.astype(np.float64)
    lengths = np.sqrt((x * x).sum(axis=1, keepdims=True))
    return x / np.maximum(lengths, 1e-12)


def rows_of(values, offsets, rows):
    """The values of each of the rows, as lists."""
    return [list(values[offsets[row] : offsets[row + 1]]) for row in rows]


def pad(values, offsets, rows, pad_value, left, width):
    """Lines [group, width] with each row's values and `pad_value` around them."""
    lines = []
    for row in rows_of(values, offsets, rows):
        padding = [pad_value] * (width - len(row))
        lines.append(padding + row if left else row + padding)
    return np.array(lines, np.int64).reshape(len(rows), width)


def mask(offsets, rows, left, width):
    """Lines of 1 for tokens and 0 for padding."""
    return pad(np.ones(offsets[-1], np.int64), offsets, rows, 0, left, width)


def positions(offsets, rows, left, width):
    """Position ids as transformers derives them from the attention mask."""
    ones = mask(offsets, rows, left, width)
    counted = ones.cumsum(axis=1) - 1
    counted[ones == 0] = 1
    return counted


def sort_by_length(offsets):
    """Numbers of the rows, the longest first, equal ones in their own order."""
    lengths = [int(stop - start) for start, stop in pairwise(offsets)]
    return sorted(range(len(lengths)), key=lambda row: -lengths[row])


def cut_groups(offsets, order, token_budget, max_rows, pads):
    """Groups of rows (lists of row numbers), each filled as long as it fits."""
    groups = []
    for row in order:
        if groups:
            grown = [*groups[-1], row]
            lengths = [int(offsets[each + 1] - offsets[each]) for each in grown]
            fits = len(grown) <= max_rows and len(grown) * max(lengths) <= token_budget
            if fits and (pads or len(set(lengths)) == 1):
                groups[-1] = grown
                continue
        groups.append([row])
    return groups


def subwords_by_length(tokens, spans, text, unknown):
    """Whether each token continues a word, by the length of its string against its text."""
    return [
        token != unknown and len(token) != len(text[start:stop])
        for token, (start, stop) in zip(tokens, spans, strict=True)
    ]


def subwords_by_blank(tokens, spans, text, unknown):
    """Whether each token continues a word, by the blanks at its start."""
    return [
        token != unknown and start > 0 and " " not in text[start - 1 : start + 1]
        for token, (start, _) in zip(tokens, spans, strict=True)
    ]


def aggregate(scores, special, subword, strategy, labels):
    """What `TokenClassificationPipeline` of transformers makes of the scores of one row.

    Gives three lists: numbers of the tokens that are not special; units as (first place,
    past-the-end place, label's number, score); entities as (first unit, past-the-end unit, score).
    """
    tokens = [token for token in range(len(special)) if not special[token]]
    words = _words(tokens, subword, strategy)
    units = [(first, stop, *_label(scores[tokens[first:stop]], strategy)) for first, stop in words]
    if strategy == "none":
        return tokens, units, []
    return tokens, units, _entities(units, labels)


def _words(tokens, subword, strategy):
    """First and past-the-end place of each word, or of each token where words do not matter."""
    words = []
    for place, token in enumerate(tokens):
        if words and strategy in ("first", "average", "max") and subword[token]:
            words[-1][1] = place + 1
        else:
            words.append([place, place + 1])
    return words


def _label(scores, strategy):
    """Label and score of one word, from the scores of its tokens [tokens, labels]."""
    if strategy == "average":
        chosen = np.nanmean(scores, axis=0)
    elif strategy == "max":
        chosen = max(scores, key=np.max)
    else:
        chosen = scores[0]
    label = int(np.argmax(chosen))
    return label, chosen[label]


def _entities(units, labels):
    """Adjacent units of one tag joined, except before a label that begins one."""
    entities = []
    for number, (_, _, label, _) in enumerate(units):
        begins, tag = split_label(labels[label])
        if entities and not begins and tag == split_label(labels[units[number - 1][2]])[1]:
            entities[-1].append(number)
        else:
            entities.append([number])
    return [
        (group[0], group[-1] + 1, np.mean([units[number][3] for number in group], dtype=np.float64))
        for group in entities
    ]


def split_label(label):
    """Whether a label begins an entity, and its tag: ``B-PER`` gives True and ``PER``."""
    if label.startswith(("B-", "I-")):
        return label.startswith("B-"), label[2:]
    return False, label


def checksum(data):
    """Checksum of a buffer, a word at a time, in Python's unbounded integers."""
    limit, factor = 2**64, 0x9E3779B97F4A7C15
    lanes = [0, 1, 2, 3]
    padded = bytes(data) + b"\0" * (-len(data) % 32)
    for i, word in enumerate(np.frombuffer(padded, np.uint64).tolist()):
        mixed = (lanes[i % 4] ^ word) * factor % limit
        lanes[i % 4] = mixed ^ mixed >> 32
    result = len(data)
    for lane in lanes:
        result = (result ^ lane) * factor % limit
        result ^= result >> 32
    return result
