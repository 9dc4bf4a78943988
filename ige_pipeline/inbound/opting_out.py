"""Whether a reply says that somebody wants no more texts, or only has such a word in it. Pure.

When in doubt it says yes, and that it was in doubt: a text too few can be mended, one to somebody who opted out cannot.
"""

import re

from ige_pipeline.inbound.keywords import OptOut, keyword, signed
from ige_pipeline.inbound.phrases import by_doubt, by_phrase
from ige_pipeline.inbound.plain_words import clauses, in_any_alphabet, plain, whole
from ige_pipeline.inbound.signature import is_reaction, without_signature
from ige_pipeline.inbound.slips import near_keyword, near_phrase
from ige_pipeline.inbound.wording import words

_OTHER_ALPHABETS, _SIGNS = words("other_alphabets"), frozenset("".join(words("signs")))

# Letter by letter: what stands between them would end a clause.
_SPACED = re.compile(r"\bs[\W_]{1,2}t[\W_]{1,2}o[\W_]{1,2}p\b")


def opting_out(text: str, *, our_words: str = "") -> OptOut | None:
    """Say whether a reply asks for no more texts, and by which rule; `our_words` is how our own texts speak of it."""
    if is_reaction(text):
        return None
    unsigned = without_signature(text)
    if (word := keyword(unsigned)) is not None:
        return OptOut(f"keyword {word}", keyword=True)
    return _in_words(text, our_words) or (_in_words(unsigned, our_words) if unsigned != text else None)


def _in_words(text: str, our_words: str) -> OptOut | None:
    left = _without(text, our_words)
    said = clauses(left)
    return (
        by_phrase(said, questions=_questions(left))
        or near_keyword(text)
        or signed(text)
        or by_doubt(said)
        or near_phrase(said)
        or _without_words(text, said)
    )


def _without(text: str, our_words: str) -> str:
    """Take our own sentence out, which somebody may quote."""
    ours, said = plain(our_words).strip(), _SPACED.sub("stop", plain(text))
    return said.replace(ours, " \n ") if ours else said


def _questions(left: str) -> frozenset[str]:
    """Return the clauses that end with a question mark."""
    asked = (clauses(each) for each in left.split("?")[:-1])
    return frozenset(each[-1] for each in asked if each)


def _without_words(text: str, said: list[str]) -> OptOut | None:
    if in_any_alphabet(text) in _OTHER_ALPHABETS:
        return OptOut("in_another_language", doubtful=True)
    if not said and _SIGNS & set(text):
        return OptOut("a sign that says stop", doubtful=True)
    return OptOut("only our own words", doubtful=True) if whole(text) and not said else None
