"""Entities of a group of rows, from the logits of token classification to dicts.

`aggregation` computes the numbers; this module combines them with the tokenizer's encodings and the
text. It creates the str and dict objects itself, because in Python this would take several times as long
as all computations.

    1  flags of each row's tokens, from its encoding     (lists of the tokenizer)
    2  softmax, words and entities of all rows           (without the GIL)
    3  a dict for each entity with a wanted label        (reads spans for these alone)
"""

from libc.stdint cimport int32_t, int64_t, uint8_t
from libc.stdlib cimport free, malloc

from hugot._fast.aggregation cimport FIRST, NONE, Found, Labels, aggregate_row
from hugot._fast.joining cimport TokenJoiner
from hugot._fast.row_tokens cimport RowTokens, TokenStrings, row_tokens

cdef extern from "activations.h" nogil:
    void hugot_softmax(float* x, Py_ssize_t rows, Py_ssize_t cols)

# A row of the group, with the arrays of its tokens.
cdef struct Row:
    int64_t number
    Py_ssize_t count
    const int32_t* ids
    float* scores
    uint8_t* special
    uint8_t* subword
    Found found

# Bytes per token: eight numbers of four bytes each (see `Found`), and two flags with two bytes each.
cdef enum:
    TOKEN_BYTES = 36


cdef class EntityRules:
    """Options of a call: the strategy and the labels to return.

    Args:
        strategy: a value of `aggregation.STRATEGIES`.
        labels: names of the labels.
        ignored: labels to leave out, or tags if the strategy groups tokens.
        delimiter: separator between the words of a text that is a list of words.
    """

    cdef int strategy
    cdef list names
    cdef bytes wanted
    cdef str delimiter

    def __init__(self, int strategy, labels, ignored, str delimiter not None):
        self.strategy = strategy
        self.names = list(labels)
        if strategy != NONE:
            self.names = [_group_name(label) for label in labels]
        self.wanted = bytes([name not in ignored for name in self.names])
        self.delimiter = delimiter


cdef class EntityFinder:
    """Finds the entities of rows, for one model and its tokenizer.

    Args:
        label_tags: see `aggregation.aggregate`.
        label_begins: see `aggregation.aggregate`.
        strings: strings of the tokens, by id.
        joiner: decoder of tokens to text.
    """

    cdef const int32_t[::1] _label_tags
    cdef const uint8_t[::1] _label_begins
    cdef TokenStrings _strings
    cdef TokenJoiner _joiner

    def __init__(
        self, const int32_t[::1] label_tags not None, const uint8_t[::1] label_begins not None,
        TokenStrings strings not None, TokenJoiner joiner not None,
    ):
        self._label_tags = label_tags
        self._label_begins = label_begins
        self._strings = strings
        self._joiner = joiner

    def find(
        self, float[:, :, ::1] logits not None, batch, const int64_t[::1] rows not None, bint left,
        texts, EntityRules rules not None, list results not None,
    ):
        """Store the list of entities of each row of a group in `results`.

        Args:
            logits: float32 [group, width, labels]; overwritten with scores, except at the padding.
            batch: the `TokenBatch` that contains the rows.
            rows: indices of the rows in the batch, int64 [group].
            left: whether the padding is before the tokens.
            texts: text (or list of words) of each row, or by the indices in ``batch.sources``.
            rules: options of the call.
            results: list with an element for each row of the batch.
        """
        cdef const int32_t[::1] ids = batch.ids
        cdef const int64_t[::1] offsets = batch.offsets
        cdef Py_ssize_t labels = logits.shape[2]
        cdef Py_ssize_t tokens = 0
        cdef Py_ssize_t i
        cdef Row* group
        cdef Row* row
        cdef char* memory
        for i in range(rows.shape[0]):
            tokens += offsets[rows[i] + 1] - offsets[rows[i]]
        if tokens == 0 or labels == 0:
            return
        group = <Row*> malloc(rows.shape[0] * sizeof(Row) + tokens * TOKEN_BYTES)
        if group == NULL:
            raise MemoryError()
        memory = <char*> (group + rows.shape[0])
        for i in range(rows.shape[0]):
            row = &group[i]
            row.number = rows[i]
            row.count = offsets[rows[i] + 1] - offsets[rows[i]]
            row.ids = &ids[0] + offsets[rows[i]]
            row.scores = &logits[i, 0, 0]
            if left:
                row.scores += (logits.shape[1] - row.count) * labels
            memory = _lay_out(memory, row)
        try:
            self._find(group, rows.shape[0], labels, batch.encodings, batch.sources, texts, rules,
                       results)
        finally:
            free(group)

    def find_row(
        self, float[:, :, ::1] logits not None, list ids not None, encoding, text,
        EntityRules rules not None,
    ):
        """Return the list of entities of a single row without padding.

        Args:
            logits: float32 [1, tokens, labels]; overwritten with scores.
            ids: token ids of the row.
            encoding: encoding of the row.
            text: text of the row, or list of words.
            rules: options of the call.
        """
        cdef Py_ssize_t count = len(ids)
        cdef Py_ssize_t i
        cdef int32_t* row_ids
        cdef Row* row
        cdef list results = [[]]
        if count == 0 or logits.shape[2] == 0:
            return results[0]
        row = <Row*> malloc(sizeof(Row) + count * (sizeof(int32_t) + TOKEN_BYTES))
        if row == NULL:
            raise MemoryError()
        try:
            row_ids = <int32_t*> (row + 1)
            for i in range(count):
                row_ids[i] = ids[i]
            row.number = 0
            row.count = count
            row.ids = row_ids
            row.scores = &logits[0, 0, 0]
            _lay_out(<char*> (row_ids + count), row)
            self._find(row, 1, logits.shape[2], (encoding,), None, (text,), rules, results)
        finally:
            free(row)
        return results[0]

    cdef int _find(
        self, Row* group, Py_ssize_t count, Py_ssize_t label_count, encodings, sources, texts,
        EntityRules rules, list results
    ) except -1:
        cdef list tokens = []
        cdef Labels labels = Labels(&self._label_tags[0], &self._label_begins[0], label_count)
        cdef RowTokens each
        cdef Row* row
        cdef Py_ssize_t i
        cdef int strategy = rules.strategy
        for i in range(count):
            row = &group[i]
            text = texts[row.number if sources is None else sources[row.number]]
            each = row_tokens(self._strings, row.ids, row.count, encodings[row.number], text,
                              rules.delimiter)
            each.flag_special(row.special)
            if strategy >= FIRST:
                each.flag_subwords(row.subword)
            tokens.append(each)
        with nogil:
            for i in range(count):
                row = &group[i]
                hugot_softmax(row.scores, row.count, label_count)
                aggregate_row(row.scores, row.special, row.subword, row.count, strategy, &labels,
                              &row.found)
        for i in range(count):
            each = tokens[i]
            if strategy == NONE:
                results[group[i].number] = _labelled_tokens(&group[i].found, each, rules)
            else:
                results[group[i].number] = self._entities(&group[i].found, each, rules)
        return 0

    cdef list _entities(self, const Found* found, RowTokens tokens, EntityRules rules):
        """Return a dict for each entity with a wanted tag."""
        cdef const char* wanted = rules.wanted
        cdef const int32_t* units = found.units
        cdef Py_ssize_t i, kept = 0
        cdef int32_t first, stop, label
        cdef list entities = []
        for i in range(found.entity_count):
            kept += wanted[units[3 * found.entities[2 * i] + 2]]
        if kept == 0:
            return entities
        tokens.prepare_spans(2 * kept)
        for i in range(found.entity_count):
            first = found.entities[2 * i]
            stop = found.entities[2 * i + 1]
            label = units[3 * first + 2]
            if wanted[label]:
                entities.append({
                    "entity_group": rules.names[label],
                    "score": <double> found.entity_scores[i],
                    "word": self._words(found, tokens, first, stop, rules.strategy >= FIRST),
                    "start": tokens.span(found.tokens[units[3 * first]])[0],
                    "end": tokens.span(found.tokens[units[3 * stop - 2] - 1])[1],
                })
        return entities

    cdef str _words(
        self, const Found* found, RowTokens tokens, Py_ssize_t first, Py_ssize_t stop, bint by_word
    ):
        """Return the text of units. The tokens of each word are joined first, then the words."""
        cdef list words = []
        cdef list strings
        cdef Py_ssize_t unit, place
        for unit in range(first, stop):
            strings = [
                tokens.string(found.tokens[place])
                for place in range(found.units[3 * unit], found.units[3 * unit + 1])
            ]
            words.append(self._joiner.join(strings) if by_word else strings[0])
        return self._joiner.join(words)


def _group_name(str label not None):
    """Return the name of an entity group: the part of the label after its first dash, if it has one."""
    _, dash, rest = label.partition("-")
    return rest if dash else label


cdef list _labelled_tokens(const Found* found, RowTokens tokens, EntityRules rules):
    """Return a dict for each token with a wanted label."""
    cdef const char* wanted = rules.wanted
    cdef Py_ssize_t i, kept = 0
    cdef int32_t label, token
    cdef tuple span
    cdef list entities = []
    for i in range(found.unit_count):
        kept += wanted[found.units[3 * i + 2]]
    tokens.prepare_spans(kept)
    for i in range(found.unit_count):
        label = found.units[3 * i + 2]
        if wanted[label]:
            token = found.tokens[found.units[3 * i]]
            span = tokens.span(token)
            entities.append({
                "entity": rules.names[label],
                "score": <double> found.unit_scores[i],
                "index": token,
                "word": tokens.string(token),
                "start": span[0],
                "end": span[1],
            })
    return entities


cdef char* _lay_out(char* memory, Row* row) noexcept nogil:
    """Lay out the arrays of a row in `memory`, and return the end of them."""
    cdef Py_ssize_t count = row.count
    row.found.tokens = <int32_t*> memory
    row.found.units = row.found.tokens + count
    row.found.unit_scores = <float*> (row.found.units + 3 * count)
    row.found.entities = <int32_t*> (row.found.unit_scores + count)
    row.found.entity_scores = <float*> (row.found.entities + 2 * count)
    row.special = <uint8_t*> (row.found.entity_scores + count)
    row.subword = row.special + 2 * count
    return memory + count * TOKEN_BYTES
