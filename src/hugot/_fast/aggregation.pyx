"""From the scores of tokens to words and entities, for one row.

The rules are those of transformers' `TokenClassificationPipeline`: `gather_pre_entities`,
`aggregate_word`, `group_entities`. Text stays outside: what a token's string says about words comes in
as flags, and entities go out as spans of units.

A *unit* is what has one label: a token (strategies none and simple) or a word (first, average, max).
"""

from libc.stdint cimport int32_t, uint8_t, uint32_t

cdef enum:
    NONE = 0
    SIMPLE = 1
    FIRST = 2
    AVERAGE = 3
    MAX = 4

STRATEGIES = {"none": NONE, "simple": SIMPLE, "first": FIRST, "average": AVERAGE, "max": MAX}


def subwords_by_length(
    const int32_t[::1] ids not None,
    const int32_t[:, ::1] spans not None,
    const int32_t[::1] token_lengths not None,
    int32_t unknown_id,
    uint8_t[::1] out not None,
):
    """Flag tokens that continue a word, where the vocabulary marks them (``##ing``).

    Such a token's string, mark included, is longer or shorter than the text that it stands for.
    `token_lengths` gives the length of each id's string. The unknown token is always a word's first.
    """
    cdef Py_ssize_t i
    with nogil:
        for i in range(ids.shape[0]):
            out[i] = (token_lengths[ids[i]] != spans[i, 1] - spans[i, 0]) and ids[i] != unknown_id


def subwords_by_blank(
    const int32_t[::1] ids not None,
    const int32_t[:, ::1] spans not None,
    const uint32_t[::1] text not None,
    int32_t unknown_id,
    uint8_t[::1] out not None,
):
    """Flag tokens with no blank at or before their first character, where no mark tells.

    `text` holds the code points of the sentence.
    """
    cdef Py_ssize_t i
    cdef int32_t start
    cdef Py_ssize_t length = text.shape[0]
    with nogil:
        for i in range(ids.shape[0]):
            start = spans[i, 0]
            out[i] = (start > 0 and ids[i] != unknown_id
                      and not (start - 1 < length and text[start - 1] == 32)
                      and not (start < length and text[start] == 32))


def aggregate(
    const float[:, :] scores not None,
    const uint8_t[::1] special not None,
    const uint8_t[::1] subword not None,
    int strategy,
    const int32_t[::1] label_tags not None,
    const uint8_t[::1] label_begins not None,
    int32_t[::1] tokens not None,
    int32_t[:, ::1] units not None,
    float[::1] unit_scores not None,
    int32_t[:, ::1] entities not None,
    float[::1] entity_scores not None,
):
    """Group the tokens of one row.

    Args:
        scores: probability of each label for each token, float32 [tokens, labels].
        special: 1 for tokens that the tokenizer added, uint8 [tokens].
        subword: 1 for tokens that continue a word, uint8 [tokens].
        strategy: a value of `STRATEGIES`.
        label_tags: number of each label's tag; ``B-X`` and ``I-X`` share one, int32 [labels].
        label_begins: 1 for ``B-`` labels, uint8 [labels].
        tokens: out; the tokens that are not special, int32 [tokens].
        units: out; first and past-the-end place in `tokens`, and label, int32 [tokens, 3].
        unit_scores: out, float32 [tokens].
        entities: out; first and past-the-end unit, int32 [tokens, 2].
        entity_scores: out; the mean of its units' scores, float32 [tokens].

    Returns the number of units and of entities (0 with the strategy none).
    """
    cdef Py_ssize_t kept = 0
    cdef Py_ssize_t unit_count = 0
    cdef Py_ssize_t entity_count = 0
    cdef Py_ssize_t i
    with nogil:
        for i in range(special.shape[0]):
            if not special[i]:
                tokens[kept] = <int32_t> i
                kept += 1
        for i in range(kept):
            if i > 0 and strategy >= FIRST and subword[tokens[i]]:
                units[unit_count - 1, 1] = <int32_t> (i + 1)
            else:
                units[unit_count, 0] = <int32_t> i
                units[unit_count, 1] = <int32_t> (i + 1)
                unit_count += 1
        for i in range(unit_count):
            _label_unit(scores, tokens, strategy, units, unit_scores, i)
        if strategy != NONE:
            entity_count = _group(units, unit_scores, unit_count, label_tags, label_begins, entities,
                                  entity_scores)
    return unit_count, entity_count


cdef void _label_unit(
    const float[:, :] scores, int32_t[::1] tokens, int strategy, int32_t[:, ::1] units,
    float[::1] unit_scores, Py_ssize_t unit
) noexcept nogil:
    cdef Py_ssize_t first = units[unit, 0]
    cdef Py_ssize_t stop = units[unit, 1]
    cdef Py_ssize_t label, token, best_token = tokens[first]
    cdef Py_ssize_t best_label = 0
    cdef float best = 0.0
    cdef float value
    if strategy == AVERAGE and stop - first > 1:
        for label in range(scores.shape[1]):
            value = 0.0
            for token in range(first, stop):
                value += scores[tokens[token], label]
            value /= <float> (stop - first)
            if label == 0 or value > best:
                best = value
                best_label = label
    else:
        if strategy == MAX:
            for token in range(first, stop):
                value = scores[tokens[token], _argmax(scores, tokens[token])]
                if token == first or value > best:
                    best = value
                    best_token = tokens[token]
        best_label = _argmax(scores, best_token)
        best = scores[best_token, best_label]
    units[unit, 2] = <int32_t> best_label
    unit_scores[unit] = best


cdef Py_ssize_t _argmax(const float[:, :] scores, Py_ssize_t token) noexcept nogil:
    cdef Py_ssize_t best = 0
    cdef Py_ssize_t label
    for label in range(1, scores.shape[1]):
        if scores[token, label] > scores[token, best]:
            best = label
    return best


cdef Py_ssize_t _group(
    int32_t[:, ::1] units, float[::1] unit_scores, Py_ssize_t unit_count,
    const int32_t[::1] label_tags, const uint8_t[::1] label_begins, int32_t[:, ::1] entities,
    float[::1] entity_scores
) noexcept nogil:
    """Join adjacent units of one tag; a ``B-`` label always begins an entity."""
    cdef Py_ssize_t count = 0
    cdef Py_ssize_t unit
    cdef int32_t label
    cdef double total = 0.0
    for unit in range(unit_count):
        label = units[unit, 2]
        if (unit > 0 and not label_begins[label]
                and label_tags[label] == label_tags[units[unit - 1, 2]]):
            total += unit_scores[unit]
        else:
            entities[count, 0] = <int32_t> unit
            count += 1
            total = unit_scores[unit]
        entities[count - 1, 1] = <int32_t> (unit + 1)
        entity_scores[count - 1] = <float> (total / (unit + 1 - entities[count - 1, 0]))
    return count
