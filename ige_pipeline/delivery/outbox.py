"""The outbox in Postgres: claim with a lease, settle only with its token, recover what a dead run left behind."""

import copy
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.errors import ReadOnlySqlTransaction

from ige_pipeline.delivery.claim import GONE_FOR_S, Claims
from ige_pipeline.delivery.forecast import Forecast, sustained_per_second
from ige_pipeline.delivery.lease import Lease
from ige_pipeline.delivery.life import OWNER_CLASS, show_life
from ige_pipeline.delivery.look import AT_MOST_S, LastLook, good_until
from ige_pipeline.delivery.outcome import Delivered
from ige_pipeline.delivery.pace import elapsed
from ige_pipeline.delivery.promise import keep_promises
from ige_pipeline.delivery.settlement import Ended, Settled, attempts, columns
from ige_pipeline.postgres.array import array
from ige_pipeline.postgres.connection import Connection, another
from ige_pipeline.postgres.numbered import Rows, ask, numbered
from ige_pipeline.postgres.queries import load
from ige_pipeline.settings import Settings
from ige_pipeline.tracing import span

_QUERIES = load(__package__, "outbox.sql")
_SETTLE = numbered(_QUERIES["settle"])
_MAY_POST = numbered(_QUERIES["may_post"])
_JUST_NOW_S = 0.05
AWAY = (psycopg.OperationalError, psycopg.InterfaceError, ReadOnlySqlTransaction)
"""What a database says that is gone, or was made a standby: another connection may lead to one that can be written."""


@dataclass(frozen=True)
class Standing:
    """What a delivery run must know before it touches a row."""

    adopted: bool
    stopped: bool
    stop_reason: str | None
    other_sender: bool


@dataclass(frozen=True)
class _Asked:
    """A look that was asked for: when, of which messages, and the answer."""

    at: float
    message_ids: frozenset[int]
    rows: Rows

    def holds(self, leases: Sequence[Lease]) -> bool:
        """Whether it answers for all of these, and is as good as one that is asked now."""
        return self.message_ids.issuperset(each.message_id for each in leases) and elapsed() - self.at <= _JUST_NOW_S


def _found(asked: _Asked, *, answered: float) -> LastLook:
    row = asked.rows.fetchone() or {}
    opted_out = frozenset(row["opted_out"] or ())
    until = good_until(asked=asked.at, answered=answered)
    return LastLook(row["now"], until, row["stopped"], frozenset(row["leased"] or ()) - opted_out, opted_out)


def standing(conn: Connection) -> Standing:
    """Read the switches, and whether somebody else sends from this table."""
    row = conn.execute(_QUERIES["standing"]).fetchone()
    return Standing(**row or {})


def expire_stale(conn: Connection, settings: Settings, *, run_id: str, adopted: bool) -> int:
    """End what did not leave in time, each with its reason; return how many. Mends promises that a dead run left."""
    keep_promises(conn)
    values = {"expire_after_hours": settings.expire_after_hours, "run_id": run_id, "adopted": adopted}
    return conn.execute(_QUERIES["expire_stale"], values).rowcount


def backlog(conn: Connection, *, adopted: bool) -> dict[str, Any]:
    """Count what is unsent: due, leased, waiting and held for adoption; `oldest_minutes` is its greatest age."""
    return conn.execute(_QUERIES["backlog"], {"adopted": adopted}).fetchone() or {}


def note_success(conn: Connection, *, run_id: str) -> None:
    """Remember that a delivery run did what it could: of one that found nothing to do there is no other trace."""
    conn.execute(_QUERIES["note_success"], {"run_id": run_id})


def forecast(conn: Connection, settings: Settings, *, unsent: int) -> Forecast:
    """Say whether the pace keeps up with what arrived in the last day, and when `unsent` messages would be gone."""
    return Forecast(unsent, arrivals_per_hour=arrivals_per_hour(conn), per_second=sustained_per_second(settings))


def arrivals_per_hour(conn: Connection) -> float:
    """Return how many messages came into the outbox in an hour, on the average of the last day."""
    row = conn.execute(_QUERIES["arrivals"]).fetchone() or {}
    return float(row["in_a_day"] / 24)


class Outbox:
    """One run's hands on the outbox. Others see that it lives by a lock that its connections hold."""

    def __init__(
        self,
        conn: Connection,
        claims: Connection,
        settings: Settings,
        *,
        run_id: str,
        owner: int,
        adopted: bool,
        endpoint: str,
        gone_for_s: float = GONE_FOR_S,
    ) -> None:
        self._conn = conn
        self._beside: _Asked | None = None
        self._run_id = run_id
        self._values: dict[str, Any] = {
            "owner": owner,
            "adopted": adopted,
            "endpoint": endpoint,
            "lock_class": OWNER_CLASS,
            "lease_seconds": settings.lease_seconds,
            "expire_after_hours": settings.expire_after_hours,
            "outlasts_seconds": settings.post_timeout_seconds + AT_MOST_S,
            "messages_per_second": settings.messages_per_second,
            "region": settings.default_region,
        }
        self._claims = Claims(claims, flushed=conn, values=self._values, gone_for_s=gone_for_s)

    def over(self, conn: Connection) -> "Outbox":
        """Return the same run's hands over another connection."""
        other = copy.copy(self)
        other._conn = conn  # noqa: SLF001 - a copy of ourselves
        return other

    def show_life(self) -> None:
        """Hold the lock by which others see that this run lives, over this connection, too."""
        show_life(self._conn, run_id=self._run_id)
        self._conn.execute(_QUERIES["hold_owner"], self._values)
        self._conn.execute(_QUERIES["plan_once"])

    def recover(self) -> int:
        """Make due again what dead runs had leased; return how many rows. Who seems gone is believed to be later."""
        return self._claims.recover()

    def looks_again_in(self) -> float | None:
        """Return in how many seconds it pays to look after those again that seemed gone; None where nobody did."""
        return self._claims.looks_again_in()

    def reserve_pace(self, moments: int = 1, *, probing: bool = False) -> float | None:
        """Take the endpoint's next free moments; return the seconds until the first, None while its circuit is open."""
        return self._claims.reserve_pace(moments, probing=probing)

    def start_late(self, moments: int) -> None:
        """Move on the endpoint's next free moment, so that it follows so many that begin only now."""
        self._claims.start_late(moments)

    def begin_late(self, moments: int, *, ends_in_s: float) -> float:
        """Return in how many seconds moments begin that passed unused: now, or behind those of other runs."""
        return self._claims.begin_late(moments, ends_in_s=ends_in_s)

    def claim(self, at_most: int = 1, *, probing: bool = False) -> list[Lease]:
        """Lease up to so many messages that are due, in their turn, each to somebody else; none: there are none."""
        return self._claims.claim(at_most, probing=probing)

    def claim_this(self, message_id: int) -> list[Lease]:
        """Lease one message if it is due and nobody holds it, or another to the same person."""
        return self._claims.claim_this(message_id)

    def look_beside(self, leases: Sequence[Lease]) -> None:
        """Ask what `may_post` asks in the pipeline that asks the safeguards; it takes this answer if it is fresh."""
        self._beside = self._ask_to_post(leases)

    def may_post(self, leases: Sequence[Lease]) -> LastLook:
        """Look a last time: which leases are ours for as long as a POST takes, who opted out, and is all stopped."""
        beside, self._beside = self._beside, None
        if beside is not None and beside.holds(leases):
            return _found(beside, answered=beside.at)
        asked = self._ask_to_post(leases)
        return _found(asked, answered=elapsed())

    def _ask_to_post(self, leases: Sequence[Lease]) -> _Asked:
        mine = {
            "message_ids": array(each.message_id for each in leases),
            "tokens": array(each.token for each in leases),
            "phones": array(each.phone for each in leases),
        }
        at = elapsed()
        return _Asked(
            at, frozenset(each.message_id for each in leases), ask(self._conn, _MAY_POST, {**self._values, **mine})
        )

    def settle(self, ended: Sequence[Ended]) -> dict[int, Settled]:
        """Write what became of messages whose lease is still ours, and each attempt in any case; return those rows."""
        if not ended:
            return {}
        try:
            with span("settle", messages=len(ended)):
                settled = self._mark(ended, told=attempts(ended, run_id=self._run_id))
        except AWAY:
            raise
        except psycopg.Error:
            if len(ended) > 1:
                return self._settle_each(ended)
            # A text that left must not count as unsent because its attempt cannot be written down.
            self._mark(ended, told="[]")
            raise
        self._keep_promises(ended, settled)
        return settled

    def _settle_each(self, ended: Sequence[Ended]) -> dict[int, Settled]:
        """What is wrong with one row must not have its neighbours posted again: it alone stays unwritten."""
        settled, wrong = dict[int, Settled](), list[psycopg.Error]()
        for each in ended:
            try:
                settled |= self.settle([each])
            except AWAY:
                raise
            except psycopg.Error as error:
                wrong.append(error)
        if wrong:
            raise wrong[0]
        return settled

    def written(self, ended: Sequence[Ended]) -> dict[int, Settled]:
        """Return which of these are written down already: what said so to us was cut."""
        asked = {
            "message_ids": [each.lease.message_id for each in ended],
            "tokens": [each.lease.token for each in ended],
        }
        rows = self._conn.execute(_QUERIES["written"], asked).fetchall()
        settled = {row.pop("message_id"): Settled(**row) for row in rows}
        self._keep_promises(ended, settled)
        return settled

    def _mark(self, ended: Sequence[Ended], *, told: str) -> dict[int, Settled]:
        asked = {"expire_after_hours": self._values["expire_after_hours"], "attempts": told, **columns(ended)}
        return {row.pop("id"): Settled(**row) for row in ask(self._conn, _SETTLE, asked).fetchall()}

    def _keep_promises(self, ended: Sequence[Ended], settled: Collection[int]) -> None:
        """After the commit: whatever is wrong with another table, a text that left must not count as unsent."""
        for each in ended:
            if each.lease.promised and isinstance(each.outcome, Delivered) and each.lease.message_id in settled:
                keep_promises(self._conn, each.lease.message_id)


@contextmanager
def unflushed(conn: Connection) -> Iterator[None]:
    """Do what may be lost with the server in one transaction and one round trip; results are there after the block."""
    try:
        with conn.pipeline():
            # A transaction block of psycopg's own waits three times for the server.
            conn.execute("BEGIN")
            conn.execute(_QUERIES["leave_unflushed"])
            yield
            conn.execute("COMMIT")
    except BaseException:
        with suppress(psycopg.Error):
            conn.rollback()
        raise


@contextmanager
def open_outbox(
    conn: Connection,
    settings: Settings,
    *,
    run_id: str,
    adopted: bool,
    endpoint: str,
    gone_for_s: float = GONE_FOR_S,
) -> Iterator[Outbox]:
    """Give one run an owner number that lives as long as its connections, and look after what others left."""
    row = conn.execute(_QUERIES["new_owner"]).fetchone()
    owner = int(row["owner"]) if row else 0
    with closing(another(conn)()) as claims:
        outbox = Outbox(
            conn,
            claims,
            settings,
            run_id=run_id,
            owner=owner,
            adopted=adopted,
            endpoint=endpoint,
            gone_for_s=gone_for_s,
        )
        outbox.show_life()
        outbox.recover()
        yield outbox
