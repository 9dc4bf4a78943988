"""How alike two texts are: the share of their word pairs that both have (the Jaccard index of word shingles).

Pairs, not single words: two sentences of the same words about different things are not alike. Two texts from one
template with different items in it have about half of their pairs in common, two about the same item a quarter.
"""

import re
import unicodedata
from itertools import pairwise

_WORD = re.compile(r"[\w']+")


def likeness(one: str, other: str) -> float:
    """Return 0 (no pair in common) to 1 (the same words in the same order); capitals and punctuation do not count."""
    pairs, others = shingles(one), shingles(other)
    together = pairs | others
    return len(pairs & others) / len(together) if together else 1.0


def shingles(text: str) -> frozenset[tuple[str, ...]]:
    """Return each two words that stand side by side; the one word of a text that has no more."""
    folded = unicodedata.normalize("NFKC", text).casefold().replace("\u2019", "'")
    words = _WORD.findall(folded)
    return frozenset[tuple[str, ...]](pairwise(words)) or frozenset([(word,) for word in words])
