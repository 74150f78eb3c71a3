"""Decoding of tokens to text, with a cache for single tokens."""


# Limits of the cache. They suffice for the words of entities; without them, a text with many unknown
# tokens, whose strings are parts of the text, could fill the memory.
cdef enum:
    MAX_PIECES = 16384
    MAX_TOKEN_LENGTH = 64

# A token that is put before another to get the other's text inside a sentence.
_ANCHOR = "a"


cdef class TokenJoiner:
    """The decoder of a tokenizer with a cache.

    Args:
        decode: function that returns the text of a list of tokens.
        by_token: whether `decode` concatenates the texts of single tokens, each of which depends only on
            the token and on whether it is the first one.
    """

    def __init__(self, decode not None, bint by_token):
        self._decode = decode
        self._by_token = by_token
        self._first = {}
        self._rest = {}

    cpdef str join(self, list tokens):
        """Return the same text as `decode`, for at least one token."""
        cdef list pieces
        cdef str piece
        cdef Py_ssize_t i
        if not self._by_token:
            return self._decode(tokens)
        piece = self._piece(tokens[0], self._first)
        if piece is None:
            return self._decode(tokens)
        if len(tokens) == 1:
            return piece
        pieces = [piece]
        for i in range(1, len(tokens)):
            piece = self._piece(tokens[i], self._rest)
            if piece is None:
                return self._decode(tokens)
            pieces.append(piece)
        return "".join(pieces)

    cdef str _piece(self, str token, dict pieces):
        """Return the text of a token, or None if it depends on the neighbouring tokens."""
        cdef str piece = pieces.get(token)
        if piece is not None:
            return piece
        if pieces is self._first:
            piece = self._decode([token])
        else:
            piece = self._decode([_ANCHOR, token])[len(self._decode([_ANCHOR])):]
        if "\N{REPLACEMENT CHARACTER}" in piece:
            # Possibly an incomplete character, with its other bytes in a neighbouring token.
            return None
        if len(token) <= MAX_TOKEN_LENGTH:
            if len(pieces) >= MAX_PIECES:
                pieces.clear()
            pieces[token] = piece
        return piece
