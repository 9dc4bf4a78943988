"""Stand-ins for the outbox and the endpoint, and leases to hand around; written by hand, nothing is patched."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from ige_pipeline.delivery.breaker import Breaker
from ige_pipeline.delivery.circuit import Circuit, Seen, after
from ige_pipeline.delivery.ending import Screen
from ige_pipeline.delivery.endpoint import InTime
from ige_pipeline.delivery.lease import Lease
from ige_pipeline.delivery.look import LastLook, good_until
from ige_pipeline.delivery.marks import Marked, Marks
from ige_pipeline.delivery.outbox import Outbox
from ige_pipeline.delivery.outcome import Outcome
from ige_pipeline.delivery.payload import Sendable
from ige_pipeline.delivery.reply import Answered, Reply
from ige_pipeline.delivery.run import Run
from ige_pipeline.delivery.settlement import Ended, Sent, Settled
from ige_pipeline.delivery.slots import Landed, Slots
from ige_pipeline.delivery.tally import DeliveryReport, accepted_at, seen, tells
from ige_pipeline.settings import Settings

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
    )
    return replace(lease, **over)


def leases(count: int) -> list[Lease]:
    """So many messages, each to somebody else."""
    return [make_lease(message_id=n, contractor_id=n, token=uuid4()) for n in range(1, count + 1)]


class FakeOutbox(Outbox):
    """An outbox in a list: it hands out what is due, once, and remembers what it was told."""

    def __init__(
        self,
        due: Iterable[Lease],
        *,
        wait_s: float = 0,
        stop_after: int | None = None,
        look_takes_s: float = 0,
    ) -> None:
        self.due = list(due)
        self.settled: list[tuple[int, Outcome]] = []
        self.claims: list[int] = []
        self.lost: set[int] = set()
        self.late: list[int] = []
        self.circuit = Circuit()
        self._wait_s, self.stop_after, self.looks = wait_s, stop_after, 0
        self.on_look: Callable[[], None] = lambda: None
        self.clock, self.look_takes_s = FakeClock(), look_takes_s

    def reserve_pace(self, moments: int = 1, *, probing: bool = False) -> float | None:
        del moments
        return self._wait_s if probing or self.circuit.state == "closed" else None

    def begin_late(self, moments: int, *, ends_in_s: float) -> float:
        del ends_in_s
        self.late.append(moments)
        return 0.0

    def looks_again_in(self) -> float | None:
        return None

    def claim(self, at_most: int = 1, *, probing: bool = False) -> list[Lease]:
        if self.circuit.state != "closed" and not probing:
            return []
        self.claims.append(at_most)
        taken, self.due = self.due[:at_most], self.due[at_most:]
        return taken

    def may_post(self, leases: Sequence[Lease]) -> LastLook:
        self.looks += 1
        self.on_look()
        halted = self.stop_after is not None and self.looks > self.stop_after
        asked = self.clock()
        if self.look_takes_s:
            self.clock.nap(self.look_takes_s)
        until = good_until(asked=asked, answered=self.clock())
        return LastLook(NOON, until, halted, frozenset(each.message_id for each in leases) - self.lost)

    def settle(self, ended: Sequence[Ended]) -> dict[int, Settled]:
        self.settled += [(each.lease.message_id, each.outcome) for each in ended]
        ours = {each.lease.message_id for each in ended} - self.lost
        return {message_id: Settled(None, expired=False, last_error=None) for message_id in ours}


class FakeBreaker(Breaker):
    """A circuit in memory that counts since it last closed, at one moment."""

    def __init__(self, outbox: FakeOutbox) -> None:
        self._outbox, self._calls, self._failures = outbox, 0, 0

    def note(self, seen: Seen, *, accepted_at: datetime | None) -> Circuit:
        self._calls, self._failures = self._calls + seen.calls, self._failures + seen.failures
        before = replace(self._outbox.circuit, accepted_at=accepted_at or self._outbox.circuit.accepted_at)
        whole = replace(seen, calls=self._calls, failures=self._failures)
        self._outbox.circuit = after(before, whole, now=NOON)
        return self._outbox.circuit

    def read(self) -> Circuit:
        return self._outbox.circuit

    def take_probe(self) -> bool:
        circuit = self._outbox.circuit
        if circuit.probe_at is None or circuit.probe_at > NOON:
            return False
        self._outbox.circuit = replace(circuit, state="half_open", probe_at=NOON + timedelta(minutes=1))
        return True

    def return_probe(self) -> None:
        self._outbox.circuit = replace(self._outbox.circuit, state="open", probe_at=NOON)


class FakeMarks(Marks):
    """Marks that are written at once, in the same thread."""

    def __init__(self, outbox: Outbox, breaker: Breaker) -> None:
        self._outbox, self._breaker = outbox, breaker
        self._done: list[Marked] = []
        self.pending = 0

    def put(self, ended: Sequence[Ended]) -> None:
        settled, told = self._outbox.settle(ended), seen(ended)
        circuit = self._breaker.note(told, accepted_at=accepted_at(ended)) if told.calls else None
        self._done.append(Marked(ended, settled, circuit))

    def take(self, *, all_of_it: bool = False) -> Iterator[Marked]:
        del all_of_it
        done, self._done = self._done, []
        yield from done

    def close(self) -> None:
        """Nothing runs."""


class FakeEndpoint:
    """An endpoint that gives the replies it was told to, the last one again and again, and remembers who asked."""

    name = "localhost:5678"

    def __init__(self, *replies: Reply) -> None:
        self._replies = list(replies) or [ACCEPTED]
        self.posted: list[int] = []
        self.keys: list[str] = []

    def answer(self, sendable: Sendable, *, key: str) -> Reply:
        """Say what comes back, at once."""
        self.posted.append(sendable.message_id)
        self.keys.append(key)
        return self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]

    async def post(self, sendable: Sendable, *, key: str, now: datetime, in_time: InTime) -> Reply:
        del now, in_time
        return self.answer(sendable, key=key)

    async def aclose(self) -> None:
        """Nothing is open."""


class FakeClock:
    """A clock that only goes on when somebody waits, and remembers for how long they did."""

    def __init__(self) -> None:
        self.now, self.naps = 0.0, list[float]()

    def __call__(self) -> float:
        return self.now

    def nap(self, seconds: float) -> None:
        self.now += seconds
        self.naps.append(seconds)


class FakeSlots(Slots):
    """Slots whose POSTs take so long by a clock of their own."""

    def __init__(self, endpoint: FakeEndpoint, clock: FakeClock, *, count: int, takes_s: float = 0) -> None:
        self.endpoint, self.watch, self.count, self.takes_s = endpoint, clock, count, takes_s
        self.started: list[float] = []
        self._over: list[tuple[float, Landed]] = []
        self._queue: list[tuple[Lease, datetime, float]] = []
        self.busy = 0
        self.most = 0
        self.in_the_air = 0
        self.connects_in_s = 0.0

    def start(self, leases: Sequence[Lease], *, now: datetime, until: float) -> None:
        self.busy += len(leases)
        self.most = max(self.most, self.busy)
        if self.connects_in_s:
            self.watch.nap(self.connects_in_s)
        if self.watch() > until:
            self._over += [(self.watch(), Landed(lease, None)) for lease in leases]
            return
        self._queue += [(lease, now, until) for lease in leases]
        self._begin_some()

    def withdraw(self) -> None:
        self._over += [(self.watch(), Landed(lease, None, waited=True)) for lease, _, _ in self._queue]
        self._queue = []

    def landed(self, *, within_s: float) -> list[Landed]:
        first = min((at for at, _ in self._over), default=self.watch() + within_s)
        late = min((until for _, _, until in self._queue), default=first)
        wait = min(within_s, max(min(first, late) - self.watch(), 0))
        if wait > 0:
            self.watch.nap(wait)
        if any(at <= self.watch() and landed.sent and tells(landed.sent.reply) for at, landed in self._over):
            self.withdraw()
        over = [landed for at, landed in self._over if at <= self.watch()]
        self._over = [each for each in self._over if each[0] > self.watch()]
        self._begin_some()
        over += [Landed(lease, None, waited=True) for lease, _, until in self._queue if until <= self.watch()]
        self._queue = [each for each in self._queue if each[2] > self.watch()]
        self.busy -= len(over)
        return over

    def _begin_some(self) -> None:
        while self._queue and len(self._over) < self.count:
            lease, now, _ = self._queue.pop(0)
            self.in_the_air = max(self.in_the_air, len(self._over) + 1)
            self.started.append(self.watch())
            sent = Sent(now, 5, self.endpoint.answer(lease, key=str(lease.idempotency_key)))
            self._over.append((self.watch() + self.takes_s, Landed(lease, sent)))

    def close(self) -> None:
        """Nothing runs."""


class Naps:
    """A sleep that takes no time and remembers how long it would have been."""

    def __init__(self) -> None:
        self.taken: list[float] = []

    def __call__(self, seconds: float) -> None:
        self.taken.append(seconds)


def nothing_speaks_against(leases: Sequence[Lease]) -> list[Outcome | None]:
    """A screen that lets everything pass."""
    return [None for _ in leases]


def deliver_from(
    outbox: FakeOutbox,
    endpoint: FakeEndpoint,
    *,
    screen: Screen = nothing_speaks_against,
    limit: int = 20,
    clock: FakeClock | None = None,
    slots: FakeSlots | None = None,
    per_second: float = 0.5,
) -> DeliveryReport:
    """Run the loop over fakes, one POST at a time unless `slots` are given, and return its report."""
    report = DeliveryReport()
    outbox.clock = clock = clock or outbox.clock
    settings = Settings(max_messages_per_run=limit, messages_per_second=per_second)
    slots = slots or FakeSlots(endpoint, clock, count=1)
    breaker = FakeBreaker(outbox)
    marks = FakeMarks(outbox, breaker)
    Run(outbox, slots, breaker, marks, screen=screen, settings=settings, report=report, clock=clock).work()
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
