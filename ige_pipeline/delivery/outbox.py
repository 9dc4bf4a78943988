"""The outbox in Postgres: claim with a lease, settle only with its token, recover what a dead run left behind."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, assert_never

import psycopg
from psycopg.errors import UniqueViolation
from psycopg.types.json import Jsonb

from ige_pipeline.delivery.lease import Lease
from ige_pipeline.delivery.outcome import (
    Ambiguous,
    Cancelled,
    Dead,
    Delivered,
    EndpointFault,
    Outcome,
    Postponed,
    Retry,
)
from ige_pipeline.delivery.promise import keep_promises
from ige_pipeline.delivery.reply import Answered, Broken, Lost, Reply, Unreached
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.queries import load
from ige_pipeline.settings import Settings

_QUERIES = load(__package__, "outbox.sql")
_LOCK_CLASS = 0x16E
_GIVES_A_TIME = ("settle_later", "settle_endpoint_fault")


@dataclass(frozen=True)
class Standing:
    """What a delivery run must know before it touches a row."""

    adopted: bool
    stopped: bool
    stop_reason: str | None
    other_sender: bool


@dataclass(frozen=True)
class Sent:
    """A request that left: when, for how long (milliseconds), and what came back."""

    at: datetime
    duration_ms: int
    reply: Reply


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


def delivered_by_hour(conn: Connection, hours: list[datetime]) -> dict[datetime, int]:
    """Return {batch hour: messages of its batches that were delivered so far}, for those hours."""
    rows = conn.execute(_QUERIES["delivered_by_hour"], {"hours": hours})
    return {row["batch_hour"]: row["delivered"] for row in rows}


class Outbox:
    """One run's hands on the outbox. Others see that it lives by a lock that its connection holds."""

    def __init__(self, conn: Connection, settings: Settings, *, run_id: str, owner: int, adopted: bool) -> None:
        self._conn = conn
        self._run_id = run_id
        self._values = {
            "owner": owner,
            "adopted": adopted,
            "lock_class": _LOCK_CLASS,
            "lease_seconds": settings.lease_seconds,
            "expire_after_hours": settings.expire_after_hours,
            "post_timeout_seconds": settings.post_timeout_seconds,
            "messages_per_second": settings.messages_per_second,
        }

    def recover(self) -> int:
        """Make due again what dead runs had leased; return how many rows."""
        return self._conn.execute(_QUERIES["release_orphans"], self._values).rowcount

    def reserve_pace(self, endpoint: str) -> float:
        """Take the endpoint's next free moment; return the seconds until then."""
        row = self._conn.execute(_QUERIES["reserve_pace"], self._values | {"endpoint": endpoint}).fetchone()
        return float(row["wait_s"]) if row else 0.0

    def claim(self) -> Lease | None:
        """Lease the most important message that is due, or None when there is none.

        A run that has nothing left to do looks after those that died since it began.
        """
        lease = self._claim_unrivalled()
        return self._claim_unrivalled() if lease is None and self.recover() else lease

    def _claim_unrivalled(self) -> Lease | None:
        """Two runs may at the same moment pick two messages to one person: the table refuses one, which looks again."""
        while True:
            try:
                return self._claim_once()
            except UniqueViolation as error:
                if error.diag.constraint_name != "ige_one_lease_for_each_contractor":
                    raise

    def _claim_once(self) -> Lease | None:
        with self._conn.transaction():
            row = self._conn.execute(_QUERIES["claim_next"], self._values).fetchone()
            if row is None:
                return None
            if row["decision_id"] is None:
                self._explain_external(row["message_id"])
            about = self._conn.execute(_QUERIES["addressee"], row).fetchone() or {}
        known = {name: row[name] for name in row if name not in {"decision_id", "trigger_name"}}
        return Lease(**known, **about)

    def may_post(self, lease: Lease) -> tuple[bool, bool]:
        """Look a last time: is the lease ours for as long as a POST takes, and has all sending been stopped."""
        row = self._conn.execute(_QUERIES["may_post"], self._values | lease.who).fetchone() or {}
        return bool(row.get("leased")), bool(row.get("stopped"))

    def settle(self, lease: Lease, outcome: Outcome, sent: Sent | None) -> bool:
        """Write the outcome if the lease is still ours, and the attempt in any case; return whether it was ours."""
        query, values = _settlement(outcome)
        unrecorded: psycopg.Error | None = None
        with self._conn.transaction():
            done = self._conn.execute(_QUERIES[query], lease.who | values)
            row = done.fetchone() if query in _GIVES_A_TIME else None
            try:
                with self._conn.transaction():
                    self._record(lease, outcome, sent, next_attempt_at=row["next_attempt_at"] if row else None)
            except (psycopg.OperationalError, psycopg.InterfaceError):
                raise
            except psycopg.Error as error:
                # A text that left must not count as unsent because its attempt cannot be written down.
                unrecorded = error
        if unrecorded is not None:
            raise unrecorded
        ours = done.rowcount == 1
        if ours and lease.promised and isinstance(outcome, Delivered):
            # After the commit: whatever is wrong with another table, a text that left must not count as unsent.
            keep_promises(self._conn, lease.message_id)
        return ours

    def _explain_external(self, message_id: int) -> None:
        self._conn.execute(_QUERIES["prepare_decisions"])
        self._conn.execute(_QUERIES["explain_external"], {"message_id": message_id})

    def _record(self, lease: Lease, outcome: Outcome, sent: Sent | None, *, next_attempt_at: datetime | None) -> None:
        values = lease.who | {
            "run_id": self._run_id,
            "attempt": lease.attempt,
            "claimed_at": lease.claimed_at,
            "outcome": type(outcome).__name__,
            "reasons": Jsonb(_reasons(outcome)),
            "next_attempt_at": next_attempt_at,
            **_what_came_back(sent),
        }
        if self._conn.execute(_QUERIES["repeat_postponement"], values).rowcount == 0:
            self._conn.execute(_QUERIES["record_attempt"], values)


@contextmanager
def open_outbox(conn: Connection, settings: Settings, *, run_id: str, adopted: bool) -> Iterator[Outbox]:
    """Give one run an owner number that lives as long as its connection, and recover what others left."""
    row = conn.execute(_QUERIES["new_owner"]).fetchone()
    owner = int(row["owner"]) if row else 0
    conn.execute(_QUERIES["hold_owner"], {"lock_class": _LOCK_CLASS, "owner": owner})
    outbox = Outbox(conn, settings, run_id=run_id, owner=owner, adopted=adopted)
    outbox.recover()
    yield outbox


def _settlement(outcome: Outcome) -> tuple[str, dict[str, Any]]:
    match outcome:
        case Delivered():
            return "settle_delivered", {}
        case Retry(delay, reason, spends_attempt):
            return "settle_later", _later(reason, delay, spends_attempt=spends_attempt)
        case Ambiguous(delay, reason):
            return "settle_later", _later(reason, delay, spends_attempt=True)
        case EndpointFault(reason):
            return "settle_endpoint_fault", {"reason": reason}
        case Postponed(reasons, until, delay):
            return "settle_later", _later(_words(reasons), delay, spends_attempt=False) | {"until": until}
        case Cancelled(reasons):
            return "settle_cancelled", {"reason": _words(reasons)}
        case Dead(reason):
            return "settle_dead", {"reason": reason}
        case _:
            assert_never(outcome)


def _later(reason: str, delay: timedelta, *, spends_attempt: bool) -> dict[str, Any]:
    return {"reason": reason, "delay": delay, "spends_attempt": spends_attempt, "until": None}


def _reasons(outcome: Outcome) -> list[dict[str, Any]]:
    match outcome:
        case Delivered():
            return []
        case Postponed(reasons) | Cancelled(reasons):
            return [dict(reason) for reason in reasons]
        case Retry() | Ambiguous() | EndpointFault() | Dead():
            return [{"reason": outcome.reason, "observed": None, "limit": None}]
        case _:
            assert_never(outcome)


def _words(reasons: tuple[Any, ...]) -> str:
    return ", ".join(sorted({str(reason["reason"]) for reason in reasons}))


def _what_came_back(sent: Sent | None) -> dict[str, Any]:
    seen: dict[str, Any] = {
        "posted_at": None,
        "duration_ms": None,
        "status_code": None,
        "error_class": None,
        "response": None,
    }
    if sent is None:
        return seen
    seen |= {"duration_ms": sent.duration_ms}
    match sent.reply:
        case Answered(status, _, body):
            return seen | {"posted_at": sent.at, "status_code": status, "response": body}
        case Lost(reason):
            return seen | {"posted_at": sent.at, "error_class": reason}
        case Unreached(reason) | Broken(reason):
            return seen | {"error_class": reason}
        case _:
            assert_never(sent.reply)
