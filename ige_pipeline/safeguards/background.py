"""Whether a text says what only set its direction: the goal behind it, or a pattern that the contractor never saw."""

import re
from collections.abc import Iterator, Sequence

# So many words in a row are a quotation and no coincidence.
_RUN = 3


def tells(text: str, *, private: Sequence[str], known: Sequence[str]) -> bool:
    """Whether words of a private fact stand in the text that no fact which may be said holds."""
    told = set(_runs(text)).difference(*map(_runs, known))
    return any(not told.isdisjoint(_runs(fact)) for fact in private)


def _runs(text: str) -> Iterator[tuple[str, ...]]:
    words = re.findall(r"\w+", text.casefold())
    return (tuple(words[start : start + _RUN]) for start in range(len(words) - _RUN + 1))
