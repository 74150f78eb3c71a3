"""Aggregation of the token scores of one row to words and entities.

The rules are those of transformers' `TokenClassificationPipeline`: `gather_pre_entities`,
`aggregate_word`, `group_entities`. This module handles no text: flags mark the tokens that continue a
word, and entities are returned as spans of units.

A *unit* has one label. It is a token (strategies none and simple) or a word (first, average and max).
"""

from libc.stdint cimport int32_t, uint8_t

STRATEGIES = {"none": NONE, "simple": SIMPLE, "first": FIRST, "average": AVERAGE, "max": MAX}


def aggregate(
    const float[:, ::1] scores not None,
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
        label_tags: index of each label's tag, which ``B-X`` and ``I-X`` share, int32 [labels].
        label_begins: 1 for ``B-`` labels, uint8 [labels].
        tokens: output; indices of the tokens that are not special, int32 [tokens].
        units: output; begin and end in `tokens`, and label, int32 [tokens, 3].
        unit_scores: output, float32 [tokens].
        entities: output; begin and end in `units`, int32 [tokens, 2].
        entity_scores: output; mean score of the units of each entity, float32 [tokens].

    Returns the number of units, and the number of entities (0 with the strategy none).
    """
    cdef Found found
    cdef Labels labels
    cdef Py_ssize_t count = special.shape[0]
    if count == 0:
        return 0, 0
    labels = Labels(&label_tags[0], &label_begins[0], scores.shape[1])
    found = Found(&tokens[0], &units[0, 0], &unit_scores[0], &entities[0, 0], &entity_scores[0], 0, 0)
    with nogil:
        aggregate_row(&scores[0, 0], &special[0], &subword[0], count, strategy, &labels, &found)
    return found.unit_count, found.entity_count


cdef void aggregate_row(
    const float* scores, const uint8_t* special, const uint8_t* subword, Py_ssize_t count,
    int strategy, const Labels* labels, Found* found
) noexcept nogil:
    """Fill `found`, whose arrays have room for `count` tokens.

    `subword` is read only with the strategies first, average and max.
    """
    cdef Py_ssize_t kept = 0
    cdef Py_ssize_t unit_count = 0
    cdef Py_ssize_t i
    cdef int32_t* units = found.units
    for i in range(count):
        if not special[i]:
            found.tokens[kept] = <int32_t> i
            kept += 1
    for i in range(kept):
        if i > 0 and strategy >= FIRST and subword[found.tokens[i]]:
            units[3 * unit_count - 2] = <int32_t> (i + 1)
        else:
            units[3 * unit_count] = <int32_t> i
            units[3 * unit_count + 1] = <int32_t> (i + 1)
            unit_count += 1
    for i in range(unit_count):
        _label_unit(scores, labels.count, strategy, found, i)
    found.unit_count = unit_count
    found.entity_count = 0 if strategy == NONE else _join_units(labels, found)


cdef void _label_unit(
    const float* scores, Py_ssize_t labels, int strategy, Found* found, Py_ssize_t unit
) noexcept nogil:
    """Set the label and the score of a unit."""
    cdef Py_ssize_t first = found.units[3 * unit]
    cdef Py_ssize_t stop = found.units[3 * unit + 1]
    cdef const float* row = scores + found.tokens[first] * labels
    cdef const float* other
    cdef Py_ssize_t best = _argmax(row, labels)
    cdef Py_ssize_t place, candidate
    if strategy == AVERAGE and stop - first > 1:
        _label_by_mean(scores, labels, found, unit)
        return
    if strategy == MAX:
        for place in range(first + 1, stop):
            other = scores + found.tokens[place] * labels
            candidate = _argmax(other, labels)
            if other[candidate] > row[best]:
                row = other
                best = candidate
    found.units[3 * unit + 2] = <int32_t> best
    found.unit_scores[unit] = row[best]


cdef void _label_by_mean(
    const float* scores, Py_ssize_t labels, Found* found, Py_ssize_t unit
) noexcept nogil:
    """Set the label and the score of a unit from the mean scores of its tokens."""
    cdef Py_ssize_t first = found.units[3 * unit]
    cdef Py_ssize_t stop = found.units[3 * unit + 1]
    cdef Py_ssize_t label, place
    cdef Py_ssize_t best_label = 0
    cdef float best = 0.0
    cdef float value
    for label in range(labels):
        value = 0.0
        for place in range(first, stop):
            value += scores[found.tokens[place] * labels + label]
        value /= <float> (stop - first)
        if label == 0 or value > best:
            best = value
            best_label = label
    found.units[3 * unit + 2] = <int32_t> best_label
    found.unit_scores[unit] = best


cdef Py_ssize_t _argmax(const float* row, Py_ssize_t labels) noexcept nogil:
    cdef Py_ssize_t best = 0
    cdef Py_ssize_t label
    for label in range(1, labels):
        if row[label] > row[best]:
            best = label
    return best


cdef Py_ssize_t _join_units(const Labels* labels, Found* found) noexcept nogil:
    """Join adjacent units with the same tag to entities, and return the number of entities.

    A ``B-`` label always begins an entity.
    """
    cdef Py_ssize_t count = 0
    cdef Py_ssize_t unit
    cdef int32_t label
    cdef int32_t before = 0
    cdef double total = 0.0
    for unit in range(found.unit_count):
        label = found.units[3 * unit + 2]
        if unit > 0 and not labels.begins[label] and labels.tags[label] == labels.tags[before]:
            total += found.unit_scores[unit]
        else:
            found.entities[2 * count] = <int32_t> unit
            count += 1
            total = found.unit_scores[unit]
        before = label
        found.entities[2 * count - 1] = <int32_t> (unit + 1)
        found.entity_scores[count - 1] = <float> (
            total / (unit + 1 - found.entities[2 * count - 2])
        )
    return count
