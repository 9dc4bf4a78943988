"""One delivery run's loop: hold a moment of the pace, claim what slots are free for, post it, settle what comes back.

It never waits for one message while another could be posted or written down.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta

import psycopg

from ige_pipeline.delivery.backoff import MAX_ATTEMPTS, Try, decide
from ige_pipeline.delivery.breaker import Breaker
from ige_pipeline.delivery.lease import Lease
from ige_pipeline.delivery.marks import Marks
from ige_pipeline.delivery.outbox import LOOK_GOOD_FOR_S, LastLook, Outbox
from ige_pipeline.delivery.outcome import Cancelled, Dead, Outcome, Postponed
from ige_pipeline.delivery.pace import Moments, elapsed
from ige_pipeline.delivery.reply import Refused
from ige_pipeline.delivery.rescreen import could_not_be_asked
from ige_pipeline.delivery.settlement import Ended, Sent
from ige_pipeline.delivery.slots import Landed, Slots
from ige_pipeline.delivery.tally import DeliveryReport, is_failure
from ige_pipeline.settings import Settings

Screen = Callable[[Sequence[Lease]], list[Outcome | None]]
Progress = Callable[[Lease, Outcome], None]

_STOPPED = Postponed(
    ({"reason": "stopped", "observed": "all sending was stopped", "limit": "ige start"},), delay=timedelta(0)
)
_OPTED_OUT = Cancelled(({"reason": "suppressed", "observed": "opted out", "limit": "no opt-out for this number"},))
_LEASE_LOST = Postponed(({"reason": "lease_lost", "observed": None, "limit": None},))
_CIRCUIT_OPENED = Postponed(({"reason": "endpoint_paused", "observed": None, "limit": None},), delay=timedelta(0))
_HELD_UP = Postponed(({"reason": "held_up", "observed": None, "limit": None},), delay=timedelta(0))
# A claim begins so long before its moment that the POST can start in it. At a fast pace so much of it is taken at once
# that a claim is worth its while; at a slow one it is one moment.
_AHEAD_S = 0.05
_LONG_S = 60.0


class Run:
    """Works until nothing is due, the limit is reached, all sending is stopped, or the endpoint's circuit is open."""

    def __init__(
        self,
        outbox: Outbox,
        slots: Slots,
        breaker: Breaker,
        marks: Marks,
        *,
        screen: Screen,
        settings: Settings,
        report: DeliveryReport,
        progress: Progress = lambda _lease, _outcome: None,
        clock: Callable[[], float] = elapsed,
    ) -> None:
        self._outbox, self._slots, self._breaker, self._marks = outbox, slots, breaker, marks
        self._screen, self._settings, self._report, self._progress = screen, settings, report, progress
        self._clock = clock
        # Moments of the pace that are ours and not used yet: what ends without a POST uses none.
        self._moments = Moments(1 / settings.messages_per_second)
        # Whether the one try of an open circuit is ours, and the message that was sent as it.
        self._trying = False
        self._probe: int | None = None

    def work(self) -> None:
        """Post what is due; whatever ends the run, what left is waited for and written down."""
        try:
            while self._may_go_on() and self._have_a_slot() and self._hold_a_moment():
                self._wait_for_it()
                if self._moments.held and self._may_go_on() and not self._post_some() and not self._wait_for_others():
                    break
        finally:
            self._drain()

    def _may_go_on(self) -> bool:
        return self._left > 0 and not self._report.stopped

    @property
    def _left(self) -> int:
        return self._settings.max_messages_per_run - self._report.posted

    def _hold_a_moment(self) -> bool:
        """Have at least one moment of the pace; False where the circuit is open and it is not for us to try."""
        if self._moments.late(self._clock()):
            self._moments.drop()
        while not self._moments.held and self._may_go_on():
            wanted = int(self._settings.messages_per_second * _AHEAD_S)
            usable = min(self._left, self._slots.free) if self._moments.matter else self._left
            wait_s = self._reserve(max(1, min(wanted, usable)))
            if wait_s is None and self._slots.busy:
                self._settle(self._slots.landed(within_s=_LONG_S))
            elif wait_s is None and not self._take_the_probe():
                return False
        return True

    def _reserve(self, moments: int, *, probing: bool = False) -> float | None:
        wait_s = self._outbox.reserve_pace(moments, probing=probing)
        if wait_s is not None:
            self._moments.hold(moments, first=self._clock() + wait_s)
        return wait_s

    def _take_the_probe(self) -> bool:
        self._trying = self._breaker.take_probe()
        if not self._trying:
            self._report.stands(self._breaker.read())
            return False
        self._reserve(1, probing=True)
        return True

    def _have_a_slot(self) -> bool:
        """Wait until a slot is free, before a moment is taken that would pass meanwhile."""
        while not self._slots.free:
            self._settle(self._slots.landed(within_s=_LONG_S))
        return self._may_go_on()

    def _wait_for_it(self, *, ahead_s: float = _AHEAD_S) -> None:
        """Wait until so long before the moment, and write down meanwhile what comes back."""
        while self._moments.held:
            left = self._moments.first - ahead_s - self._clock()
            self._settle(self._slots.landed(within_s=max(left, 0)))
            if left <= 0:
                return

    def _post_some(self) -> bool:
        """Claim for the moments and slots we have, and post what nothing speaks against; False where nothing is due."""
        at_most = min(self._moments.held, self._slots.free, self._left)
        leases = self._outbox.claim(at_most, probing=self._trying)
        alone = any(lease.survivor for lease in leases)
        with self._keeping_their_attempts(leases):
            if alone:
                # Before the safeguards are asked, for it may take a while.
                self._drain_slots()
            going, ended = self._weigh(leases)
        self._write(ended)
        self._start_in_turn(going)
        if alone:
            self._drain_slots()
        return bool(leases)

    @contextmanager
    def _keeping_their_attempts(self, leases: Sequence[Lease]) -> Iterator[None]:
        """Give back what was claimed when the safeguards cannot be asked; nothing of it has left."""
        try:
            yield
        except BaseException as error:
            self._write([Ended(lease, could_not_be_asked(error)) for lease in leases])
            raise

    def _weigh(self, leases: Sequence[Lease]) -> tuple[list[Lease], list[Ended]]:
        """Tell those that nothing speaks against from those that end here, each with its reason."""
        ended = [Ended(lease, unfit) for lease in leases if (unfit := _unfit(lease)) is not None]
        fit = [lease for lease in leases if _unfit(lease) is None]
        verdicts = self._screen(fit) if fit else []
        ended += [Ended(lease, found) for lease, found in zip(fit, verdicts, strict=True) if found is not None]
        return [lease for lease, found in zip(fit, verdicts, strict=True) if found is None], ended

    def _start_in_turn(self, going: Sequence[Lease]) -> None:
        """Let each go in its moment, or say why it does not."""
        while going and not self._report.stopped and (come := self._moments_come()):
            self._start(going[:come])
            going = going[come:]
        why = _STOPPED if self._report.stopped else _CIRCUIT_OPENED
        self._write([Ended(lease, why) for lease in going])

    def _moments_come(self) -> int:
        """Wait for the next moment, and return how many have come; none: the circuit opened meanwhile."""
        self._wait_for_it(ahead_s=0)
        if self._moments.late(self._clock()):
            # The claim took longer than it may. Nobody's next start, in any run, follows ours too soon.
            self._outbox.start_late(self._moments.held)
        return self._moments.come(self._clock())

    def _start(self, going: Sequence[Lease]) -> None:
        """Look a last time, and let go what may, before that look is old."""
        looked_at = self._clock()
        look = self._outbox.may_post(going)
        self._report.stopped |= look.stopped
        mine = [] if look.stopped else [lease for lease in going if lease.message_id in look.leased]
        if mine:
            self._slots.start(mine, now=look.now, until=looked_at + LOOK_GOOD_FOR_S)
            self._report.posted += len(mine)
            self._moments.use(len(mine))
            if self._trying:
                self._probe, self._trying = mine[0].message_id, False
        self._write([Ended(lease, _held_back(lease, look)) for lease in going if lease not in mine])

    def _wait_for_others(self) -> bool:
        """Nothing is due; but to whom something is being posted, something else may be due after it."""
        if self._slots.busy:
            self._settle(self._slots.landed(within_s=_LONG_S))
        elif self._marks.pending:
            self._count(all_of_it=True)
        else:
            return False
        return True

    def _settle(self, landed: Sequence[Landed]) -> None:
        """Have written down what came back, at once; what it says of the endpoint is waited for where it matters."""
        ended = [
            _ended(each.lease, each.sent, probe=each.lease.message_id == self._probe)
            for each in landed
            if each.sent is not None
        ]
        telling = any(each.probe or (each.sent and is_failure(each.sent.reply)) for each in ended)
        self._write(ended)
        self._take_back([each.lease for each in landed if each.sent is None and each.error is None])
        self._count(all_of_it=telling)
        if any(each.probe for each in ended):
            self._end_the_probe(ended)
        for each in landed:
            if each.error is not None:
                raise each.error

    def _take_back(self, held_up: Sequence[Lease]) -> None:
        """What we were suspended with after the last look has not left: whoever looks again may post it."""
        self._report.posted -= len(held_up)
        self._write([Ended(lease, _HELD_UP) for lease in held_up])
        if any(lease.message_id == self._probe for lease in held_up):
            self._breaker.return_probe()
            self._probe = None

    def _end_the_probe(self, ended: Sequence[Ended]) -> None:
        """What did not leave told nothing of the endpoint: another message may be tried at once."""
        self._probe = None
        if any(each.probe and each.sent and isinstance(each.sent.reply, Refused) for each in ended):
            self._breaker.return_probe()

    def _write(self, ended: Sequence[Ended]) -> None:
        if ended:
            self._marks.put(ended)

    def _count(self, *, all_of_it: bool = False) -> None:
        """Count what was written down since the last look, or all that is to be."""
        for marked in self._marks.take(all_of_it=all_of_it):
            for each in marked.ended:
                ours = marked.settled.get(each.lease.message_id)
                self._report.count(each, ours=ours is not None, expired=ours is not None and ours.expired)
                self._progress(each.lease, each.outcome)
            if marked.circuit is not None:
                self._report.stands(marked.circuit)
        if self._report.circuit.state != "closed" and not self._trying:
            self._moments.drop()

    def _drain(self) -> None:
        self._drain_slots()
        if self._trying or self._probe is not None:
            # Without a database it is given back by the end of its lease.
            with suppress(psycopg.OperationalError):
                self._breaker.return_probe()

    def _drain_slots(self) -> None:
        """Wait until nothing is under way and all of it is written down."""
        while self._slots.busy:
            self._settle(self._slots.landed(within_s=_LONG_S))
        self._count(all_of_it=True)


def _held_back(lease: Lease, look: LastLook) -> Outcome:
    if look.stopped:
        return _STOPPED
    return _OPTED_OUT if lease.message_id in look.opted_out else _LEASE_LOST


def _ended(lease: Lease, sent: Sent, *, probe: bool) -> Ended:
    # Jitter only has to differ between messages; nothing secret hangs on it.
    jitter = random.random()  # noqa: S311
    this = Try(lease.attempt, sent.at, jitter, rate_limited=lease.rate_limited, suspect=lease.suspect, probe=probe)
    return Ended(lease, decide(sent.reply, this), sent, probe)


def _unfit(lease: Lease) -> Outcome | None:
    """What no safeguard needs to be asked about."""
    if lease.attempt > MAX_ATTEMPTS:
        return Dead("attempts_exhausted")
    if not lease.message.strip():
        return Dead("empty_text")
    return None
