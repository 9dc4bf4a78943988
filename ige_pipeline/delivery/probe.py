"""The one message that a run may post while the endpoint's circuit is open, to find out whether it can be closed."""

from collections.abc import Sequence
from contextlib import suppress

import psycopg

from ige_pipeline.delivery.breaker import Breaker
from ige_pipeline.delivery.lease import Lease
from ige_pipeline.delivery.reply import Refused
from ige_pipeline.delivery.settlement import Ended


class Probe:
    """Whether that try is ours, and which message was sent as it."""

    def __init__(self, breaker: Breaker) -> None:
        self._breaker = breaker
        self._message_id: int | None = None
        self.ours = False

    def take(self) -> bool:
        """Return whether this run may try one message now."""
        self.ours = self._breaker.take_probe()
        return self.ours

    def goes_as(self, gone: Sequence[Lease]) -> None:
        """The first of these is it, if one is to be tried."""
        if self.ours and gone:
            self._message_id, self.ours = gone[0].message_id, False

    def is_among(self, leases: Sequence[Lease]) -> bool:
        """Whether it was sent as one of these."""
        return any(lease.message_id == self._message_id for lease in leases)

    def is_over(self, ended: Sequence[Ended]) -> None:
        """Know what became of it; what did not leave told nothing of the endpoint: another may be tried at once."""
        over = [each for each in ended if each.probe]
        if over:
            self._message_id = None
        if any(each.sent and isinstance(each.sent.reply, Refused) for each in over):
            self._breaker.return_probe()

    def give_back(self, leases: Sequence[Lease]) -> None:
        """If it was one of these, it did not leave."""
        if self.is_among(leases):
            self._message_id = None
            self._breaker.return_probe()

    def drop(self) -> None:
        """Let another run try, if it is still ours. Without a database it is given back by the end of its lease."""
        if self.ours or self._message_id is not None:
            with suppress(psycopg.OperationalError):
                self._breaker.return_probe()
