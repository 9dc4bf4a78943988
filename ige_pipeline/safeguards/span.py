"""A span of a batch's contractors, and its name: all that need travel between the steps that share a batch."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_NAME = re.compile(r"contractors_(first|(?:minus_)?\d+)_to_(last|(?:minus_)?\d+)")


@dataclass(frozen=True)
class Span:
    """Contractors by their ids, the first and the last included."""

    first: int = -(2**63)
    last: int = 2**63 - 1

    def __str__(self) -> str:
        """Name it as a step may be named: letters, digits and underscores."""
        first = "first" if self.first == EVERYBODY.first else _written(self.first)
        return f"contractors_{first}_to_{'last' if self.last == EVERYBODY.last else _written(self.last)}"


EVERYBODY = Span()


def span_of(name: str) -> Span:
    """Read a span from its name; ValueError for anything else."""
    found = _NAME.fullmatch(name)
    if found is None:
        raise ValueError(f"{name!r} names no span of contractors.")
    first, last = found.groups()
    return Span(
        EVERYBODY.first if first == "first" else _read(first), EVERYBODY.last if last == "last" else _read(last)
    )


def _written(number: int) -> str:
    return str(number).replace("-", "minus_")


def _read(written: str) -> int:
    return int(written.replace("minus_", "-"))


def spans_between(ends: Sequence[int], within: Span = EVERYBODY) -> list[Span]:
    """Cut `within` behind each of these contractors but the last; nobody is left out. None where there are no ends."""
    if not ends:
        return []
    starts = [within.first, *(end + 1 for end in ends[:-1])]
    return [Span(*both) for both in zip(starts, [*ends[:-1], within.last], strict=True)]
