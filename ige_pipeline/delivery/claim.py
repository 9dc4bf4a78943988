"""Claiming: moments of the pace and leases, over a connection that does nothing else.

A claim is one statement on its own, and so is a moment. Both may be lost with the server: that repeats nothing.
"""

from collections.abc import Callable, Mapping
from typing import Any

from psycopg.errors import UniqueViolation

from ige_pipeline.delivery.lease import Lease
from ige_pipeline.delivery.pace import elapsed
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.numbered import ask, numbered
from ige_pipeline.postgres.queries import load
from ige_pipeline.tracing import span

_QUERIES = load(__package__, "claim.sql")
_CLAIM_DUE = numbered(_QUERIES["claim_due"])
_PROBE = numbered(_QUERIES["probe"])
_WORN = numbered(_QUERIES["worn"])
_WORN_EVERY = 10
GONE_FOR_S = 2.0
"""A run whose lock is free for so long is dead. One whose connections were cut shows its life again before that."""


class Claims:
    """One run's claims. `values`: what its statements are told beside; `flushed`: a connection whose commits are.

    `gone_for_s`: for so many seconds a run must seem to be gone before its rows are taken.
    """

    def __init__(
        self,
        conn: Connection,
        *,
        flushed: Connection,
        values: Mapping[str, Any],
        gone_for_s: float,
        clock: Callable[[], float] = elapsed,
    ) -> None:
        self._conn, self._flushed, self._values = conn, flushed, values
        self._gone_for_s, self._clock = gone_for_s, clock
        # Runs take turns at it as well, so that short ones come to it, too.
        self._turn = int(values["owner"])
        # Runs whose lock was free, and when we saw that first; and when we look again.
        self._gone: dict[int, float] = {}
        self._look_at = clock()
        conn.execute(_QUERIES["claims_only"])

    def reserve_pace(self, moments: int, *, probing: bool) -> float | None:
        """Take the endpoint's next free moments; return the seconds until the first, None while its circuit is open."""
        asked = {**self._values, "moments": moments, "probing": probing}
        row = self._conn.execute(_QUERIES["reserve_pace"], asked).fetchone()
        return None if row is None else float(row["wait_s"])

    def start_late(self, moments: int) -> None:
        """Move on the endpoint's next free moment, so that it follows so many that begin only now."""
        self._conn.execute(_QUERIES["start_late"], {**self._values, "moments": moments})

    def begin_late(self, moments: int, *, ends_in_s: float) -> float:
        """Return in how many seconds moments begin that passed unused: now, or behind those of other runs.

        `ends_in_s` is when the last of them would have been over, seconds from now.
        """
        asked = {**self._values, "moments": moments, "ends_in_s": ends_in_s}
        row = self._conn.execute(_QUERIES["begin_late"], asked).fetchone()
        return 0.0 if row is None else float(row["wait_s"])

    def recover(self) -> int:
        """Make due again what dead runs had leased; return how many rows. Who seems gone is believed to be later."""
        now = self._clock()
        surely = [owner for owner, since in self._gone.items() if now - since >= self._gone_for_s]
        row = self._flushed.execute(_QUERIES["release_orphans"], {**self._values, "surely": surely}).fetchone() or {}
        self._gone = {owner: self._gone.get(owner, now) for owner in row["gone"]}
        self._look_at = now + self._gone_for_s
        return int(row["released"])

    def looks_again_in(self) -> float | None:
        """Return in how many seconds it pays to look after those again that seemed gone; None where nobody did."""
        return max(0.0, min(self._gone.values()) + self._gone_for_s - self._clock()) if self._gone else None

    def claim(self, at_most: int, *, probing: bool) -> list[Lease]:
        """Lease up to so many messages that are due, in their turn, each to somebody else; none: there are none.

        Every few seconds, and when nothing is left to do, it looks after runs that died since.
        """
        find = self._claim_probe if probing else lambda: self._claim_worn_last(at_most)
        with span("claim", at_most=at_most, probing=probing) as seen:
            if self._clock() >= self._look_at:
                self.recover()
            leases = find()
            if not leases and self.recover():
                leases = find()
            seen.tell("messages", len(leases))
        return leases

    def claim_this(self, message_id: int) -> list[Lease]:
        """Lease one message if it is due and nobody holds it, or another to the same person."""
        return self._claim_unrivalled(1, only=message_id)

    def _claim_probe(self) -> list[Lease]:
        """Lease the last in line; if none can be had that did not find the endpoint wrong itself, the first."""
        row = ask(self._conn, _PROBE, self._values).fetchone()
        last = [] if row is None else self._claim_unrivalled(1, probing=True, only=row["id"])
        return last or self._claim_unrivalled(1, probing=True)

    def _claim_worn_last(self, at_most: int) -> list[Lease]:
        """What outlived more than one run may be what killed them: the others go first, nine times out of ten."""
        self._turn += 1
        worn = self._claim_worn() if self._turn % _WORN_EVERY == 0 else []
        return worn or self._claim_unrivalled(at_most, worn=False) or self._claim_unrivalled(1, worn=True)

    def _claim_worn(self) -> list[Lease]:
        row = ask(self._conn, _WORN, self._values).fetchone()
        return [] if row is None else self._claim_unrivalled(1, only=row["id"])

    def _claim_unrivalled(
        self, at_most: int, *, probing: bool = False, only: int | None = None, worn: bool | None = None
    ) -> list[Lease]:
        """Two runs may at the same moment pick two messages to one person: the table refuses one, which looks again."""
        asked = {**self._values, "at_most": at_most, "probing": probing, "only": only, "worn": worn}
        while True:
            try:
                rows = ask(self._conn, _CLAIM_DUE, asked).fetchall()
            except UniqueViolation as error:
                if error.diag.constraint_name != "ige_one_lease_for_each_contractor":
                    raise
            else:
                self._explain([row["message_id"] for row in rows if row.pop("unexplained")])
                return [Lease(**row) for row in rows]

    def _explain(self, message_ids: list[int]) -> None:
        """Rows of another program have no decision yet; should we die before this, the next claim writes it.

        They may have got their idempotency key by this claim: this commit flushes it before anything is posted.
        """
        if message_ids:
            self._flushed.execute(_QUERIES["prepare_decisions"])
            self._flushed.execute(_QUERIES["explain_external"], {"message_ids": message_ids})
