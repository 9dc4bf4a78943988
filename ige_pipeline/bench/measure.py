"""Measured figures: the best of several rounds, in which every method has its turn under the same load."""

import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Figure:
    """What one method needs for so many contractors; `sample` is how many it really asked, if not all."""

    method: str
    contractors: int
    seconds: float
    sample: int | None = None

    @property
    def per_second(self) -> float:
        """Contractors a second."""
        return self.contractors / self.seconds


def stopwatch(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return how many seconds the work took, and what came of it."""
    began = time.perf_counter()
    result = work()
    return time.perf_counter() - began, result


def peak_mb() -> float:
    """Return the most memory that this process ever held, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1_000_000 if sys.platform == "darwin" else 1_000_000 / 1024)
