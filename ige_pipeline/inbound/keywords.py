"""The words that carriers know, however they are typed, and what a reply was found to be. Pure."""

import re
from dataclasses import dataclass

from ige_pipeline.inbound.plain_words import clauses, spelled_out, whole
from ige_pipeline.inbound.wording import left_over, words

KEYWORDS = frozenset(
    {"stop", "stopall", "unsubscribe", "cancel", "end", "quit", "revoke", "optout", "remove", "arret", "td"}
)
"""As the whole message, in any case and punctuation; `OPT OUT` and `OPT-OUT` are `optout`."""
ONLY_WHOLE = frozenset({"cancel", "end", "remove", "td"})
"""Those that mean something else so often that nothing may stand beside them."""
_COURTEOUS = words("courteous")
_AGAIN_AND_AGAIN = re.compile(rf"({'|'.join(sorted(KEYWORDS))})\1+")
# One to three words with a capital each, as people sign.
_NAME = re.compile(r"(?:[^\W\d_a-z][\w.'\u2019&-]*\W*){1,3}")
_PART = re.compile(r"\s*(?:[\n\r,;]|\s[\u2013\u2014~-]|-)\s*")


@dataclass(frozen=True)
class OptOut:
    """Somebody wants no more texts. `keyword`: by a word that carriers know; `doubtful`: a person should look."""

    rule: str
    keyword: bool = False
    doubtful: bool = False


def keyword(text: str) -> str | None:
    """Return the keyword that a whole text is, also with a digit for a letter, but not with a figure: `5 to p`."""
    said, each = whole(text), " ".join(clauses(text)).split()
    if said in KEYWORDS:
        return said
    if (again := _AGAIN_AND_AGAIN.fullmatch(said)) is not None:
        return again[1]
    figures = any(word.isdecimal() for word in each) and any(len(word) > 1 for word in each)
    return spelled_out(said) if not figures and spelled_out(said) in KEYWORDS - {"end", "td"} else None


def signed(text: str) -> OptOut | None:
    """Hear what counts only as the whole message where but a courtesy, or somebody's name, stands beside it.

    What looks like a name may be a day or a thing: for such a word it is no keyword, which YES could lift.
    """
    word, *rest = _PART.split(text.strip(), maxsplit=1)
    if whole(word) in KEYWORDS and rest and _NAME.fullmatch(rest[0]):
        sure = whole(word) not in ONLY_WHOLE
        return OptOut(f"keyword {whole(word)}, and a name", keyword=sure, doubtful=True)
    said = [each for clause in clauses(text) for each in left_over(clause, _COURTEOUS)]
    return OptOut(f"asks to {said[0]}", doubtful=True) if len(said) == 1 and said[0] in ONLY_WHOLE else None
