"""What made a suppression, and what may lift it. Pure."""

from enum import StrEnum


class Source(StrEnum):
    """Who or what said that a number gets nothing more."""

    KEYWORD = "keyword"
    WORDS = "words"
    PROVIDER = "provider"
    UNREACHABLE = "unreachable"
    BY_HAND = "by_hand"


LIFTED_BY_START = (Source.KEYWORD, Source.WORDS, Source.PROVIDER)
"""What the person behind the number made; what somebody of ours, or a dead line, made needs somebody of ours."""
LIFTED_BY_YES = (Source.KEYWORD,)


_WEAKEST_FIRST = (Source.WORDS, Source.PROVIDER, Source.KEYWORD, Source.UNREACHABLE, Source.BY_HAND)


def weaker_than(source: Source) -> tuple[Source, ...]:
    """Return what a later opt-out of this source replaces.

    Who said it in words, or at the provider, and then with a keyword may take it back as after a keyword, also where
    the provider tells of it later; what START does not lift replaces all that it does.
    """
    return _WEAKEST_FIRST[: _WEAKEST_FIRST.index(source)]


def source_of(word: str) -> Source:
    """Read the word that is kept; one that somebody else wrote is by hand."""
    return Source(word) if word in set(Source) else Source.BY_HAND
