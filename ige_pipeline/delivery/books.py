"""One run's books: what became of messages, over a connection of their own that is opened again where it is cut.

An answer that came back while Postgres was away is not thrown away, for its message would be posted again.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

import psycopg

from ige_pipeline.delivery.breaker import Breaker
from ige_pipeline.delivery.circuit import Circuit
from ige_pipeline.delivery.outbox import AWAY, Outbox
from ige_pipeline.delivery.settlement import Ended, Settled
from ige_pipeline.delivery.tally import accepted_at, seen
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.refused import refused_sentence
from ige_pipeline.refusal import Refusal

_AGAIN_AFTER_S = 0.2


log = logging.getLogger(__name__)
TakeRefusal = Callable[[Connection, Ended], None]
"""Does what the answer to a POST says of the number that it went to."""


def _take_no_refusal(_conn: Connection, _ended: Ended) -> None:
    """Leave every number as it is."""


class Books:
    """Settles messages and counts their calls. Where the database is away, it is asked again for `patience_s` seconds.

    After that every write is tried once more: by then the leases are over, and whoever holds the rows settles them.
    """

    def __init__(
        self,
        outbox: Outbox,
        breaker: Breaker,
        *,
        reopen: Callable[[], Connection],
        patience_s: float,
        take_refusal: TakeRefusal = _take_no_refusal,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._outbox, self._breaker, self._reopen, self._patience_s = outbox, breaker, reopen, patience_s
        self._clock, self._sleep, self._take_refusal = clock, sleep, take_refusal
        # What confirms opt-outs is written from another thread than the rest.
        self._lock = threading.Lock()
        self._away_since: float | None = None
        self._conn: Connection | None = None
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    def write(self, ended: Sequence[Ended]) -> tuple[dict[int, Settled], Circuit | None]:
        """Settle these; return those that were ours, and how the endpoint stands if something was posted."""
        with self._lock:
            return self._write(ended)

    def _write(self, ended: Sequence[Ended]) -> tuple[dict[int, Settled], Circuit | None]:
        again = False
        while True:
            try:
                written = self._write_over(self._conn or self._open(), ended, again=again)
            except (*AWAY, Refusal):
                again = True
                self.close()
                if not self._wait():
                    raise
            else:
                self._away_since = None
                return written

    def show_life(self) -> None:
        """Look whether the connection is still there while nothing is written, and open another where it was cut.

        Until then nobody sees that we live, and what we post is taken up by others after a while.
        """
        with self._lock, suppress(*AWAY, Refusal):
            try:
                (self._conn or self._open()).execute("SELECT")
            except AWAY:
                self.close()
                self._open()

    def close(self) -> None:
        """Close the connection; the next write opens another."""
        if self._conn is not None:
            with suppress(psycopg.Error):
                self._conn.close()
            self._conn = None

    def _open(self) -> Connection:
        self._conn = self._reopen()
        # Before anything else: what we hold is not for others to take up while we live.
        self._outbox.over(self._conn).show_life()
        _require_writable(self._conn)
        return self._conn

    def _write_over(
        self, conn: Connection, ended: Sequence[Ended], *, again: bool
    ) -> tuple[dict[int, Settled], Circuit | None]:
        outbox, told = self._outbox.over(conn), seen(ended)
        written = outbox.written(ended) if again else {}
        left = [each for each in ended if each.lease.message_id not in written]
        settled = written | outbox.settle(left)
        for each in ended:
            self._heed(conn, each)
        return settled, self._breaker.over(conn).note(told, accepted_at=accepted_at(ended)) if told.calls else None

    def _heed(self, conn: Connection, ended: Ended) -> None:
        """After the commit: what goes wrong here must not have the message posted again."""
        try:
            self._take_refusal(conn, ended)
        except AWAY:
            raise
        except psycopg.Error as error:
            log.error("What was answered of a number could not be heeded: %s", refused_sentence(error))  # noqa: TRY400

    def _wait(self) -> bool:
        """Wait a little; False when the patience is over."""
        now = self._clock()
        if self._away_since is None:
            # At once the first time: until our life shows again, others may take up what we hold.
            self._away_since = now
            return True
        if now - self._away_since >= self._patience_s:
            return False
        self._sleep(_AGAIN_AFTER_S)
        return True


def _require_writable(conn: Connection) -> None:
    """Before the first POST: what could not be written down would be posted again."""
    row = conn.execute("SELECT current_setting('transaction_read_only') = 'on' AS read_only").fetchone()
    if row and row["read_only"]:
        raise Refusal("Postgres lets nothing be written over a new connection: does IGE_DATABASE_URL name a standby?")
