"""How an outcome is written down: what becomes of the row, and the attempt that explains it. Values only."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, assert_never

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
from ige_pipeline.delivery.reply import Answered, Broken, Lost, Refused, Reply, Unreached
from ige_pipeline.postgres.array import array

_AT_ONCE = timedelta(0)


@dataclass(frozen=True)
class Sent:
    """A request that left: when, for how long (milliseconds), and what came back."""

    at: datetime
    duration_ms: int
    reply: Reply


@dataclass(frozen=True)
class Ended:
    """One claimed message and what became of it; `sent` is None where nothing was posted.

    `probe`: it was posted to find out whether the endpoint can be posted to again.
    """

    lease: Lease
    outcome: Outcome
    sent: Sent | None = None
    probe: bool = False

    @property
    def left(self) -> bool:
        """Whether there was a try at all; what we refuse to post ourselves is none."""
        return self.sent is not None and not isinstance(self.sent.reply, Refused)


@dataclass(frozen=True)
class Settled:
    """A row that was ours to settle: when it is due again, and whether that would be too late."""

    next_attempt_at: datetime | None
    expired: bool
    last_error: str | None


@dataclass(frozen=True)
class _Row:
    ends: str
    reason: str | None = None
    delay: timedelta = _AT_ONCE
    until: datetime | None = None
    gives_back: bool = False


def columns(ended: Sequence[Ended]) -> dict[str, str]:
    """Return what the statement `settle` is told, by column, as the texts of arrays."""
    rows = [_row(each) for each in ended]
    return {
        "ids": array(each.lease.message_id for each in ended),
        "tokens": array(each.lease.token for each in ended),
        "ends": array(row.ends for row in rows),
        "reasons": array(row.reason for row in rows),
        "delays": array(row.delay.total_seconds() for row in rows),
        "untils": array(row.until for row in rows),
        "gives_back": array(row.gives_back for row in rows),
        "keys": array(each.lease.idempotency_key for each in ended),
    }


def attempts(ended: Sequence[Ended], *, run_id: str) -> str:
    """Return what the statement `settle` is told of the attempts, as JSON."""
    return json.dumps([_attempt(each, run_id) for each in ended], default=str)


def _row(ended: Ended) -> _Row:
    match ended.outcome:
        case Delivered():
            return _Row("sent")
        case Retry(delay, reason, spends_attempt):
            return _Row("later", reason, delay, gives_back=not spends_attempt)
        case Ambiguous(delay, reason, spends_attempt):
            return _Row("later", reason, delay, gives_back=not spends_attempt)
        case EndpointFault(reason):
            return _Row("later", reason, gives_back=True)
        case Postponed(reasons, until, delay):
            return _Row("later", _words(reasons), delay, until, gives_back=True)
        case Cancelled(reasons):
            return _Row("cancelled", _words(reasons), gives_back=True)
        case Dead(reason):
            return _Row("dead", reason, gives_back=not ended.left)
        case _:
            assert_never(ended.outcome)


def _attempt(ended: Ended, run_id: str) -> dict[str, Any]:
    return {
        "message_id": ended.lease.message_id,
        "run_id": run_id,
        "attempt": ended.lease.attempt,
        "lease_token": ended.lease.token,
        "claimed_at": ended.lease.claimed_at,
        "outcome": type(ended.outcome).__name__,
        "reasons": _reasons(ended.outcome),
        **_what_came_back(ended.sent),
    }


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


_SEEN = ("posted_at", "duration_ms", "status_code", "error_class", "response")


def _what_came_back(sent: Sent | None) -> dict[str, Any]:
    seen: dict[str, Any] = dict.fromkeys(_SEEN)
    if sent is None:
        return seen
    seen["duration_ms"] = sent.duration_ms
    match sent.reply:
        case Answered(status, _, body):
            return seen | {"posted_at": sent.at, "status_code": status, "response": body}
        case Lost(reason):
            return seen | {"posted_at": sent.at, "error_class": reason}
        case Unreached(reason) | Broken(reason) | Refused(reason):
            return seen | {"error_class": reason}
        case _:
            assert_never(sent.reply)
