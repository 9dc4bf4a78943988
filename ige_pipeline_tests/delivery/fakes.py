"""Stand-ins for the outbox and the endpoint, and leases to hand around; written by hand, nothing is patched."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from ige_pipeline.delivery.deliver import DeliveryReport, Screen, run
from ige_pipeline.delivery.lease import Lease
from ige_pipeline.delivery.outbox import Outbox, Sent
from ige_pipeline.delivery.outcome import Outcome
from ige_pipeline.delivery.payload import Sendable
from ige_pipeline.delivery.reply import Answered, Reply

NOON = datetime(2026, 6, 1, 12, 30, tzinfo=UTC)
ACCEPTED = Answered(200)


def make_lease(**over: Any) -> Lease:
    """A message at its first attempt that nothing speaks against."""
    lease = Lease(
        message_id=1,
        token=UUID(int=1),
        attempt=1,
        claimed_at=NOON,
        contractor_id=7,
        message_type="check_in",
        message="Hi Ada, how did the call go?",
        ai_reasoning="An item is open.",
        idempotency_key=UUID(int=2),
        promised=False,
        contractor_name="Ada Builder",
        phone="+12125550107",
        batch_hour=NOON.replace(minute=0),
        now=NOON,
    )
    return replace(lease, **over)


def leases(count: int) -> list[Lease]:
    """So many messages, each to somebody else."""
    return [make_lease(message_id=n, contractor_id=n, token=uuid4()) for n in range(1, count + 1)]


class FakeOutbox(Outbox):
    """An outbox in a list: it hands out what is due, once, and remembers what it was told."""

    def __init__(self, due: Iterable[Lease], *, wait_s: float = 0, stop_after: int | None = None) -> None:
        self.due = list(due)
        self.settled: list[tuple[int, Outcome]] = []
        self.lost: set[int] = set()
        self._wait_s, self._stop_after, self._looks = wait_s, stop_after, 0

    def reserve_pace(self, endpoint: str) -> float:
        del endpoint
        return self._wait_s

    def claim(self) -> Lease | None:
        return self.due.pop(0) if self.due else None

    def may_post(self, lease: Lease) -> tuple[bool, bool]:
        self._looks += 1
        halted = self._stop_after is not None and self._looks > self._stop_after
        return lease.message_id not in self.lost, halted

    def settle(self, lease: Lease, outcome: Outcome, sent: Sent | None) -> bool:
        del sent
        self.settled.append((lease.message_id, outcome))
        return lease.message_id not in self.lost


class FakeEndpoint:
    """An endpoint that gives the replies it was told to, the last one again and again, and remembers who asked."""

    name = "localhost:5678"

    def __init__(self, *replies: Reply) -> None:
        self._replies = list(replies) or [ACCEPTED]
        self.posted: list[int] = []
        self.keys: list[str] = []

    def post(self, sendable: Sendable, *, key: str, now: datetime) -> Reply:
        del now
        self.posted.append(sendable.message_id)
        self.keys.append(key)
        return self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]

    def close(self) -> None:
        """Nothing is open."""


class Naps:
    """A sleep that takes no time and remembers how long it would have been."""

    def __init__(self) -> None:
        self.taken: list[float] = []

    def __call__(self, seconds: float) -> None:
        self.taken.append(seconds)


def nothing_speaks_against(_lease: Lease) -> Outcome | None:
    """A screen that lets everything pass."""
    return None


def deliver_from(
    outbox: FakeOutbox,
    endpoint: FakeEndpoint,
    *,
    screen: Screen = nothing_speaks_against,
    limit: int = 20,
    naps: Naps | None = None,
) -> DeliveryReport:
    """Run the loop over fakes and return its report."""
    report = DeliveryReport()
    run(
        outbox,
        endpoint,
        screen=screen,
        limit=limit,
        report=report,
        progress=lambda _lease, _outcome: None,
        sleep=naps or Naps(),
    )
    return report


def zone_where_it_is(hour: int) -> str:
    """Return a zone in which the local hour is this one now; it stays within an hour of it while a test runs."""
    ahead = (hour - datetime.now(UTC).hour + 11) % 24 - 11
    # POSIX counts westward: Etc/GMT-5 is five hours ahead of UTC.
    return f"Etc/GMT{-ahead:+d}" if ahead else "Etc/GMT"


def awake() -> str:
    """Return a zone in which it is about noon."""
    return zone_where_it_is(12)


def asleep() -> str:
    """Return a zone in which it is about two in the night."""
    return zone_where_it_is(2)


def in_minutes(minutes: float) -> datetime:
    """Return the moment that lies so far ahead."""
    return datetime.now(UTC) + timedelta(minutes=minutes)
