"""The tokens of one row, with their strings and their spans in the text.

The attributes of an encoding are Python lists that the tokenizer creates on each access. Each is read at
most once. If the spans of few tokens are needed, they are read one by one instead.
"""

from libc.stdint cimport int32_t, uint8_t

# Larger ids than in any real vocabulary, as in a damaged one, are not cached.
cdef enum:
    MAX_STRINGS = 0x400000      # 1 << 22, which a build with overflow checks does not fold


cdef class TokenStrings:
    """A cache of the strings of tokens, by id.

    Args:
        token: function that returns the string of a token by its id.
        unknown_id: id of the unknown token, or -1.
        marks_subwords: whether the vocabulary marks tokens that continue a word, such as ``##ing``.
    """

    def __init__(self, token not None, int32_t unknown_id, bint marks_subwords):
        self._token = token
        self.unknown_id = unknown_id
        self.marks_subwords = marks_subwords
        self._strings = []

    cpdef str string(self, int32_t token_id):
        """Return the string of a token in the vocabulary."""
        cdef list strings = self._strings
        cdef object known
        if token_id >= MAX_STRINGS:
            return <str> self._token(token_id)
        if token_id >= len(strings):
            # Ids may have gaps. The list is copied to grow, because another thread may be reading it.
            size = max(token_id + 1, 2 * len(strings))
            self._strings = strings = strings + [None] * (size - len(strings))
        known = strings[token_id]
        if known is None:
            known = strings[token_id] = self._token(token_id)
        return <str> known


cdef RowTokens row_tokens(
    TokenStrings strings, const int32_t* ids, Py_ssize_t count, encoding, text, str delimiter
):
    """Return the `count` tokens at `ids`, which are those of `encoding` for `text`."""
    cdef RowTokens row = RowTokens.__new__(RowTokens)
    row._strings = strings
    row._ids = ids
    row._count = count
    row._encoding = encoding
    row._spans = None
    if isinstance(text, list):
        row._spans = _spans_in_joined(text, encoding, delimiter)
        row._text = delimiter.join(text)
    else:
        row._text = text
    return row


cdef class RowTokens:
    """The tokens of one row. Valid as long as the memory of its ids."""

    cdef int flag_special(self, uint8_t* out) except -1:
        """Write 1 for each token that the tokenizer added, otherwise 0."""
        cdef list mask = self._encoding.special_tokens_mask
        cdef Py_ssize_t i
        for i in range(self._count):
            out[i] = <uint8_t> (<object> mask[i])
        return 0

    cdef int flag_subwords(self, uint8_t* out) except -1:
        """Write 1 for each token that continues a word, otherwise 0."""
        cdef Py_ssize_t i, start, stop
        cdef bint marks = self._strings.marks_subwords
        cdef str text = self._text
        cdef tuple span
        if self._spans is None:
            self._spans = self._encoding.offsets
        for i in range(self._count):
            if self._ids[i] == self._strings.unknown_id:
                out[i] = 0
                continue
            span = self._spans[i]
            start = span[0]
            stop = span[1]
            if marks:
                # The length of a marked token differs from that of its text.
                out[i] = len(self._strings.string(self._ids[i])) != stop - start
            else:
                out[i] = start > 0 and not _blank_at(text, start - 1) and not _blank_at(text, start)
        return 0

    cdef int prepare_spans(self, Py_ssize_t lookups) except -1:
        """Read all spans at once if that is cheaper for this number of calls of `span`."""
        if self._spans is None and 2 * lookups > self._count:
            self._spans = self._encoding.offsets
        return 0

    cdef tuple span(self, Py_ssize_t token):
        """Return the begin and the end of a token in the text, in characters."""
        cdef tuple found
        if self._spans is None:
            found = self._encoding.token_to_chars(token)
            if found is not None:
                return found
            self._spans = self._encoding.offsets
        return self._spans[token]

    cdef str string(self, Py_ssize_t token):
        """Return the string of a token, or its text for an unknown token, as transformers does."""
        cdef tuple span
        if self._ids[token] != self._strings.unknown_id:
            return self._strings.string(self._ids[token])
        span = self.span(token)
        return self._text[span[0]:span[1]]


cdef bint _blank_at(str text, Py_ssize_t place):
    return place < len(text) and text[place] == " "


cdef list _spans_in_joined(list words, encoding, str delimiter):
    """Return the spans in the joined text from those of the tokenizer, which are relative to words."""
    cdef list starts = []
    cdef list spans = []
    cdef Py_ssize_t start = 0
    for word in words:
        starts.append(start)
        start += len(word) + len(delimiter)
    for (first, stop), word in zip(encoding.offsets, encoding.word_ids):
        if word is None:
            spans.append((first, stop))
        else:
            spans.append((first + starts[word], stop + starts[word]))
    return spans
