"""Texts of given length distributions, drawn from common English words, reproducible by their seed.

    texts("short", 1000)
    texts("equal", 1000, tokenizer)                       # exactly 32 tokens each
    texts("mixed", 1000, prompts=read_prompts("prompts.jsonl"))

Kinds (lengths are in tokens, the two special ones of BERT included):

    short        as typed into a search box or a chat: about 14, the longest about 110
    paragraphs   60 to 150, uniformly distributed
    mixed        3 to 512, long-tailed: half are under 40, a few are at the limit
    two-lengths  8 or 256, the same number of each
    equal        32

Every word of WORDS is one token of the usual English WordPiece vocabularies, including those of the
bundled models, so that lengths are right without a tokenizer. With a tokenizer, they are exact for any
vocabulary. `prompts` are used unchanged for `short`, and their words for the other kinds; without a
tokenizer, `two-lengths` and `equal` use only WORDS, because their lengths would be wrong otherwise.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

KINDS = ("short", "paragraphs", "mixed", "two-lengths", "equal")

_SPECIAL = 2
_LONGEST = 512

# A word of a prompt has 1.08 tokens of BERT's vocabulary on average.
_WORDS_PER_TOKEN = 1 / 1.08

_COMMON = """
the and was for with that his from her she you had are but not they one which have first all also
their has who out been when after there into new two its time would what about said over then other
more can like back them only some could where just during before made school through than now years
most world may between down well three year while later city under around did such being used state
people part know against your many second university both national these known off way until how
even get head team because film since still long work south became any high again day family see
right man eyes house war took life north same each called name much place however four group another
found won area here going away left home music best make hand number company several never last very
take end good too following game played little began old want those side held own early use face
think government came small general town line based something thought looked along air club went our
few show member college father public come men five set station church next former room party age
system love though every look song water without body black night within great women single building
large population river white started once should service top built open death king moved local times
children book why door need president order final road although due major village third knew asked
turned wanted say together received main son served different behind himself felt members power
football law voice near park history having saw mother army point front help street art late hands
games young put published country across told often ever center six red days light find tell among
really according central half form original gave office making enough lost full opened must live
given player run business woman community cup land court development short round seen class story
always sure research almost director career things using island close force better free support
control field students education married nothing worked others record big inside level anything
continued military returned feel does written thing feet far hard already human department hall role
various production heart living fire version television working act case society present radio
period looking least total keep wife program brother mind special works soon taken further reached
union joined done important social information appeared position ground lead rock dark election
board hair course arms police girl real sound words moment someone summer project announced less
wrote past followed blue finally taking design considered battle toward outside today playing
language call heard professional low miles green trying blood science everything match square mouth
race leave above daughter space museum change middle common move post lake seven tried closed ten
months start person sea similar modern brought rest hit floor event doing care training star week
rather news health example term coming yes areas stage fact says popular probably
"""
WORDS = tuple(_COMMON.split())


def read_prompts(path: str | Path) -> list[str]:
    """Return the texts of a JSON Lines file: the key ``input`` of each line, or the line's string."""
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    values = [json.loads(line) for line in lines if line.strip()]
    return [value if isinstance(value, str) else value["input"] for value in values]


def texts(
    kind: str,
    count: int,
    tokenizer: Any = None,
    seed: int = 0,
    prompts: Sequence[str] | None = None,
) -> list[str]:
    """Return `count` texts of a length distribution.

    Args:
        kind: one of KINDS.
        count: number of texts.
        tokenizer: a `tokenizers.Tokenizer`, for exact lengths.
        seed: determines the texts, and the first of the prompts for `short`.
        prompts: the texts (for `short`), or texts whose words are used (for the other kinds).
    """
    return list(stream_texts(kind, count, tokenizer, seed, prompts))


def stream_texts(
    kind: str,
    count: int,
    tokenizer: Any = None,
    seed: int = 0,
    prompts: Sequence[str] | None = None,
) -> Iterator[str]:
    """Yield the same as `texts`, one at a time."""
    kind = kind.replace(" ", "-")
    if kind not in KINDS:
        raise ValueError(f"kind={kind!r}; it can be {', '.join(KINDS)}")
    if kind == "short" and prompts:
        return (prompts[(seed + number) % len(prompts)] for number in range(count))
    draw = random.Random(f"{kind} {seed}")
    exact = kind in ("two-lengths", "equal")
    scale = 1.0
    words: Sequence[str] = WORDS
    if prompts and (tokenizer is not None or not exact):
        words = " ".join(prompts).split()
        scale = _WORDS_PER_TOKEN
    lengths = (_length(kind, number, draw) for number in range(count))
    if tokenizer is not None:
        return _fitted(lengths, words, tokenizer, draw)
    return (
        _of_words(max(1, round((length - _SPECIAL) * scale)), words, draw) for length in lengths
    )


def _length(kind: str, number: int, draw: random.Random) -> int:
    """Return the number of tokens of the next text."""
    if kind == "short":
        return _SPECIAL + min(108, max(1, round(draw.lognormvariate(2.3, 0.55))))
    if kind == "paragraphs":
        return draw.randint(60, 150)
    if kind == "mixed":
        return min(_LONGEST, max(3, round(draw.lognormvariate(3.6, 1.1))))
    if kind == "two-lengths":
        return (8, 256)[number % 2]
    return 32


def _of_words(count: int, words: Sequence[str], draw: random.Random) -> str:
    return " ".join(draw.choices(words, k=count))


def _fitted(
    lengths: Iterator[int], words: Sequence[str], tokenizer: Any, draw: random.Random
) -> Iterator[str]:
    """Yield texts of exactly these lengths, for a tokenizer that splits texts at words."""
    counts: dict[str, int] = {}

    def tokens(word: str) -> int:
        if word not in counts:
            # With a space before it, as in the middle of a text.
            counts[word] = len(tokenizer.encode(f" {word}", add_special_tokens=False).ids)
        return counts[word]

    special = tokenizer.num_special_tokens_to_add(is_pair=False)
    fillers = [word for word in WORDS if tokens(word) == 1] or [","]
    for length in lengths:
        chosen: list[str] = []
        missing = length - special
        while missing > 0:
            word = draw.choice(words)
            if not 0 < tokens(word) <= missing:
                word = draw.choice(fillers)
            chosen.append(word)
            missing -= tokens(word)
        yield " ".join(chosen)
