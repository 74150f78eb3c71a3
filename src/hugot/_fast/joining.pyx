"""Text from tokens, without asking the decoder again about tokens that it has seen."""


# Enough for the words of entities; a text can bring any number of unknown tokens.
cdef enum:
    MOST_PIECES = 16384
    LONGEST_TOKEN = 64

# Stands before a token whose text within a sentence is asked for.
_ANCHOR = "a"


cdef class TokenJoiner:
    """The decoder of a tokenizer, with its answers for single tokens remembered.

    Args:
        decode: text from a list of tokens.
        by_token: whether `decode` gives each token a text that depends on nothing but the token and
            whether it comes first, and puts these one after another.
    """

    def __init__(self, decode not None, bint by_token):
        self._decode = decode
        self._by_token = by_token
        self._first = {}
        self._rest = {}

    cpdef str join(self, list tokens):
        """What `decode` gives for tokens, of which there is at least one."""
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
        """The text of a token, None where its neighbours have a say in it."""
        cdef str piece = pieces.get(token)
        if piece is not None:
            return piece
        if pieces is self._first:
            piece = self._decode([token])
        else:
            piece = self._decode([_ANCHOR, token])[len(self._decode([_ANCHOR])):]
        if "\N{REPLACEMENT CHARACTER}" in piece:
            # A part of a character's bytes, perhaps, which its neighbour completes.
            return None
        if len(token) <= LONGEST_TOKEN:
            if len(pieces) >= MOST_PIECES:
                pieces.clear()
            pieces[token] = piece
        return piece
