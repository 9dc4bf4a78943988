"""Whether a figure is out of the ordinary, by what was usual before: medians, which one bad day does not move."""

from collections.abc import Sequence
from statistics import median

# With fewer there is no telling what is usual.
ENOUGH = 6
_SIGMA = 1.4826
"""A normal distribution's standard deviation is so many times its median absolute deviation."""
_FAR = 5.0


def is_unusual(value: float, earlier: Sequence[float], *, at_least: float) -> bool:
    """Whether a value lies further from the median than five robust standard deviations, and than `at_least`."""
    if len(earlier) < ENOUGH:
        return False
    middle = median(earlier)
    spread = _SIGMA * median(abs(each - middle) for each in earlier)
    return abs(value - middle) > max(_FAR * spread, at_least)
