"""How often somebody tried a token that there is not. None can be guessed; this keeps trying from filling the log."""

import math
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta

_AT_MOST, _WITHIN = 10, timedelta(minutes=1)
# So many places are remembered, the newest: whoever comes from more of them gains as many tries.
_PLACES = 1_000


@dataclass
class Guesses:
    """Wrong tokens of the last minute, by the address they came from. Behind a proxy all come from one address."""

    _wrong: OrderedDict[str, list[datetime]] = field(default_factory=OrderedDict)

    def wait(self, where: str, *, now: datetime) -> int | None:
        """Return for how many seconds nothing is tried from there, None where something is."""
        late = self._lately(where, now)
        return math.ceil((late[0] + _WITHIN - now).total_seconds()) if len(late) >= _AT_MOST else None

    def wrong(self, where: str, *, now: datetime) -> int | None:
        """Remember one; return for how many seconds those from there are told to wait, None as long as they are few."""
        wait = self.wait(where, now=now)
        if wait is None:
            self._remember(where, now)
        return wait

    def _remember(self, where: str, now: datetime) -> None:
        self._wrong[where] = [*self._lately(where, now), now]
        self._wrong.move_to_end(where)
        while len(self._wrong) > _PLACES:
            self._wrong.popitem(last=False)

    def _lately(self, where: str, now: datetime) -> list[datetime]:
        return [at for at in self._wrong.get(where, []) if now - at < _WITHIN]
