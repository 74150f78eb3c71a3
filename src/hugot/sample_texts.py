"""English texts of several lengths, for measuring a model where there are none of its own."""

from __future__ import annotations

from itertools import cycle

_SENTENCES = (
    "Where is the nearest pharmacy?",
    "The delivery arrived two days late and one of the three boxes was open.",
    "Please reset my password.",
    "Marie Curie was born in Warsaw in 1867 and later worked in Paris, where she won two Nobel Prizes.",
    "I have used this vacuum cleaner for six months now, and apart from the short cable I like it.",
    "Great film!",
    "The board of Siemens met in Munich on Tuesday to discuss the sale of its wind power business.",
    "How do I change the currency of an invoice that I have sent already?",
    "The hotel was clean and quiet, but breakfast was over at nine.",
    "Rainfall in the northern provinces stayed well below the average of the past thirty years.",
    "Thanks, that solved it.",
    "According to the minutes, Mrs. Okafor will present the revised budget in Lagos next week.",
    "The patient reported mild headaches, which went away without treatment after a few days.",
    "Can you recommend a good introduction to statistics for people who have forgotten their algebra?",
    "The train to Vienna leaves from platform four.",
    "If the pressure falls below two bar, close the valve, wait a minute, and begin again at step one.",
    "Not worth the price.",
)
# Sentences in one text: most texts that services see are short.
_LENGTHS = (1, 1, 2, 1, 3, 1, 1, 5, 1, 2, 1, 9)


def sample_texts(count: int) -> list[str]:
    """So many texts of 1 to 9 sentences, most of them short; the same in each call."""
    sentences, lengths = cycle(_SENTENCES), cycle(_LENGTHS)
    return [" ".join(next(sentences) for _ in range(next(lengths))) for _ in range(count)]
