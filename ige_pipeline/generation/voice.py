"""In which style a contractor is written to: one of its own, until its answers say that another suits it better."""

import hashlib
from collections.abc import Mapping
from fractions import Fraction

from ige_pipeline.generation.variants import STYLES


def own(contractor_id: int) -> str:
    """Return the style that a contractor has by its id, so that it hears one voice."""
    return _by_preference(contractor_id)[0]


def best(answers: Mapping[str, tuple[int, int]], *, contractor_id: int, evidence: int) -> str:
    """Return the style that this contractor answers best; its own one while fewer than `evidence` texts tell.

    `answers` are the texts sent in each style and how many of them were answered. One that was never tried counts as
    answered half of the time, so that somebody who does not answer hears another voice at last.
    """
    if sum(sent for sent, _ in answers.values()) < evidence:
        return own(contractor_id)
    # max() keeps the first of equals: the contractor's own style, then always the same other one.
    return max(_by_preference(contractor_id), key=lambda style: _share(*answers.get(style, (0, 0))))


def _share(sent: int, answered: int) -> Fraction:
    """Laplace's rule of succession: one answer to one text is less certain than nine to ten."""
    return Fraction(answered + 1, sent + 2)


def _by_preference(contractor_id: int) -> list[str]:
    return sorted(STYLES, key=lambda style: hashlib.sha256(f"{contractor_id}\x1f{style}".encode()).hexdigest())
