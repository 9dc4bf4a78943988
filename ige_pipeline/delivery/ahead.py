"""How many messages are prepared while every slot is taken, so that a slot that comes free has its next one at once."""

from collections import deque
from collections.abc import Callable

from ige_pipeline.delivery.pace import Moments
from ige_pipeline.delivery.slots import Slots

WITHIN_S = 0.05
"""As many are prepared as slots came free in so many seconds: about as long as each of them waits for its own."""


class Ahead:
    """Counts what comes back. Half as many as there are slots are the most: of one slot, none.

    A receiver that takes its time has next to nothing prepared for it: it would only be held.
    """

    def __init__(self, slots: int, *, clock: Callable[[], float]) -> None:
        self._most, self._clock = slots // 2, clock
        self._back: deque[tuple[float, int]] = deque()
        self._lately = 0

    def came_back(self, count: int) -> None:
        """So many slots came free."""
        if count:
            self._back.append((self._clock(), count))
            self._lately += count

    @property
    def room(self) -> int:
        """How many may be prepared beside those that are posted."""
        since = self._clock() - WITHIN_S
        while self._back and self._back[0][0] < since:
            self._lately -= self._back.popleft()[1]
        return min(self._lately, self._most)


class Room:
    """How many messages a run may claim now: as slots are free, and at a pace that is none those that come free."""

    def __init__(self, slots: Slots, moments: Moments, *, clock: Callable[[], float]) -> None:
        self._slots, self._moments = slots, moments
        self._ahead = Ahead(slots.count, clock=clock)

    def came_back(self, count: int) -> None:
        """So many slots came free."""
        self._ahead.came_back(count)

    @property
    def left(self) -> int:
        """So many; less than none where more are prepared than would be by now."""
        return self._slots.free + self._beside

    @property
    def worth_a_claim(self) -> bool:
        """Whether there is some; while what is prepared suffices, no claim is made for a single one."""
        return self.left >= max(1, self._beside // 2)

    @property
    def _beside(self) -> int:
        return 0 if self._moments.matter else self._ahead.room
