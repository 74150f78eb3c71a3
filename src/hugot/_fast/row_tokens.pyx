"""The tokens of one row beside the text that they came from.

The tokenizer hands out its numbers as lists and tuples of Python, made anew each time they are asked
for. Each is read once, and spans only for the tokens of which they are wanted where these are few.
"""

from libc.stdint cimport int32_t, uint8_t

# Ids beyond any real vocabulary, which a damaged one may have, are not remembered.
cdef enum:
    MOST_STRINGS = 0x400000     # 1 << 22: a checked build folds no shifts here


cdef class TokenStrings:
    """Strings of the tokens that have occurred, by id.

    Args:
        token: the string of a token, by its id.
        unknown_id: id of the unknown token, -1 where there is none.
        marks_subwords: whether the vocabulary marks tokens that continue a word, as ``##ing``.
    """

    def __init__(self, token not None, int32_t unknown_id, bint marks_subwords):
        self._token = token
        self.unknown_id = unknown_id
        self.marks_subwords = marks_subwords
        self._strings = []

    cpdef str string(self, int32_t token_id):
        """The string of a token, as the vocabulary has it."""
        cdef list strings = self._strings
        cdef object known
        if token_id >= MOST_STRINGS:
            return <str> self._token(token_id)
        if token_id >= len(strings):
            # Ids may have gaps. The list grows as a copy, since another thread may be reading it.
            size = max(token_id + 1, 2 * len(strings))
            self._strings = strings = strings + [None] * (size - len(strings))
        known = strings[token_id]
        if known is None:
            known = strings[token_id] = self._token(token_id)
        return <str> known


cdef RowTokens row_tokens(
    TokenStrings strings, const int32_t* ids, Py_ssize_t count, encoding, text, str delimiter
):
    """The `count` tokens at `ids`, which are those of `encoding` and came from `text`."""
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
    """One row's tokens; valid as long as the ids that it was made from."""

    cdef int flag_special(self, uint8_t* out) except -1:
        """Write 1 for each token that the tokenizer added, else 0."""
        cdef list mask = self._encoding.special_tokens_mask
        cdef Py_ssize_t i
        for i in range(self._count):
            out[i] = <uint8_t> (<object> mask[i])
        return 0

    cdef int flag_subwords(self, uint8_t* out) except -1:
        """Write 1 for each token that continues a word, else 0."""
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
                # Its string, mark included, is longer or shorter than the text that it stands for.
                out[i] = len(self._strings.string(self._ids[i])) != stop - start
            else:
                out[i] = start > 0 and not _blank_at(text, start - 1) and not _blank_at(text, start)
        return 0

    cdef int expect(self, Py_ssize_t lookups) except -1:
        """Prepare for so many calls of `span`: many are cheaper from a list of all."""
        if self._spans is None and 2 * lookups > self._count:
            self._spans = self._encoding.offsets
        return 0

    cdef tuple span(self, Py_ssize_t token):
        """First and past-the-end character of a token."""
        cdef tuple found
        if self._spans is None:
            found = self._encoding.token_to_chars(token)
            if found is not None:
                return found
            self._spans = self._encoding.offsets
        return self._spans[token]

    cdef str string(self, Py_ssize_t token):
        """The token's string as transformers prints it: the text itself for an unknown one."""
        cdef tuple span
        if self._ids[token] != self._strings.unknown_id:
            return self._strings.string(self._ids[token])
        span = self.span(token)
        return self._text[span[0]:span[1]]


cdef bint _blank_at(str text, Py_ssize_t place):
    return place < len(text) and text[place] == " "


cdef list _spans_in_joined(list words, encoding, str delimiter):
    """Spans in the text of words joined; the tokenizer counts from the beginning of each word."""
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
