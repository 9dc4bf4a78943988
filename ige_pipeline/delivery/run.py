"""One delivery run's loop: hold a moment of the pace, claim what slots are free for, post it, settle what comes back.

It never waits for one message while another could be posted or written down.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

from ige_pipeline.delivery.ahead import Room
from ige_pipeline.delivery.breaker import Breaker
from ige_pipeline.delivery.ending import CIRCUIT_OPENED, HELD_UP, STOPPED, Screen, came_back, held_back, weigh
from ige_pipeline.delivery.lease import Lease
from ige_pipeline.delivery.look import LOOKS, LastLook
from ige_pipeline.delivery.marks import Marks
from ige_pipeline.delivery.outbox import Outbox
from ige_pipeline.delivery.outcome import Outcome
from ige_pipeline.delivery.pace import Moments, elapsed
from ige_pipeline.delivery.probe import Probe
from ige_pipeline.delivery.rescreen import could_not_be_asked
from ige_pipeline.delivery.settlement import Ended
from ige_pipeline.delivery.slots import Landed, Slots
from ige_pipeline.delivery.tally import DeliveryReport, tells
from ige_pipeline.refusal import Refusal
from ige_pipeline.settings import Settings

Progress = Callable[[Lease, Outcome], None]

_HOLDS_FOR = timedelta(seconds=15)
"""What the safeguards said of a message that is looked at again holds for so long after its claim."""
# A claim begins so long before its moment that the POST can start in it: a quarter of the pace, within bounds. At a
# fast pace so much of it is taken at once that a claim is worth its while; at a slow one it is one moment.
_AHEAD_S, _AHEAD_AT_MOST_S = 0.05, 0.5
_LONG_S = 60.0
_IN_VAIN = (
    "Nothing could be sent in time after the last look at the outbox: Postgres, or the way to the webhook, takes "
    "seconds to answer. What was not sent is still due."
)


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
        self._probe = Probe(breaker)
        self._room = Room(slots, self._moments, clock=clock)
        # How often a message could not leave in time, and whether nothing more may leave.
        self._late: Counter[int] = Counter()
        self._ending = False

    def work(self) -> None:
        """Post what is due; whatever ends the run, what left is waited for and written down."""
        try:
            while self._may_go_on() and self._have_a_slot() and self._hold_a_moment():
                self._wait_for_it(ahead_s=self._ahead_s)
                if self._moments.held and self._may_go_on() and not self._post_some() and not self._wait_for_others():
                    break
        except BaseException:
            self._slots.withdraw()
            raise
        finally:
            self._drain()

    def _may_go_on(self) -> bool:
        return self._left > 0 and not self._report.stopped

    @property
    def _left(self) -> int:
        return self._settings.max_messages_per_run - self._report.posted

    def _hold_a_moment(self) -> bool:
        """Have at least one moment of the pace; False where the circuit is open and it is not for us to try.

        One that passed while rows were claimed against which something spoke is kept: they use none.
        """
        while not self._moments.held and self._may_go_on():
            wanted = int(self._settings.messages_per_second * _AHEAD_S)
            usable = min(self._left, self._room.left) if self._moments.matter else self._left
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
        if not self._probe.take():
            self._report.stands(self._breaker.read())
            return False
        self._reserve(1, probing=True)
        return True

    def _have_a_slot(self) -> bool:
        """Wait until a slot is free, or will be, before a moment is taken that would pass meanwhile."""
        while not self._room.worth_a_claim:
            self._settle(self._slots.landed(within_s=_LONG_S))
        return self._may_go_on()

    @property
    def _ahead_s(self) -> float:
        return min(max(self._moments.apart_s / 4, _AHEAD_S), _AHEAD_AT_MOST_S)

    def _wait_for_it(self, *, ahead_s: float) -> None:
        """Wait until so long before the moment, and write down meanwhile what comes back."""
        while self._moments.held:
            left = self._moments.first - ahead_s - self._clock()
            self._settle(self._slots.landed(within_s=max(left, 0)))
            if left <= 0:
                return

    def _post_some(self) -> bool:
        """Claim for the moments and slots we have, and post what nothing speaks against; False where nothing is due."""
        at_most = min(self._moments.held, self._room.left, self._left)
        leases = self._outbox.claim(at_most, probing=self._probe.ours)
        alone = any(lease.survivor for lease in leases)
        with self._keeping_their_attempts(leases):
            if alone:
                # Before the safeguards are asked, for it may take a while.
                self._drain_slots()
            going, ended = weigh(leases, self._screen)
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

    def _start_in_turn(self, going: Sequence[Lease]) -> None:
        """Let each go in its moment, or say why it does not."""
        while going and not self._report.stopped and (come := self._moments_come()):
            self._start(going[:come])
            going = going[come:]
        why = STOPPED if self._report.stopped else CIRCUIT_OPENED
        self._write([Ended(lease, why) for lease in going])

    def _moments_come(self) -> int:
        """Wait for the next moment, and return how many have come; none: the circuit opened meanwhile."""
        self._wait_for_it(ahead_s=0)
        now = self._clock()
        if self._moments.late(now):
            # The claim took longer than it may, or others before it did. No start, in any run, comes too near to ours.
            wait_s = self._outbox.begin_late(self._moments.held, ends_in_s=self._moments.end - now)
            if wait_s > 0:
                self._moments.hold(self._moments.held, first=self._clock() + wait_s)
                self._wait_for_it(ahead_s=0)
        return self._moments.come(self._clock())

    def _start(self, going: Sequence[Lease]) -> None:
        """Look a last time, and let go what may; each of these uses its moment."""
        gone = self._let_go(going, self._outbox.may_post(going))
        self._moments.use(len(gone))
        self._probe.goes_as(gone)

    def _let_go(self, going: Sequence[Lease], look: LastLook) -> list[Lease]:
        """Post what nothing holds back, before that look is old, and write down why the others stay."""
        self._report.stopped |= look.stopped
        if look.stopped:
            self._slots.withdraw()
        leased = frozenset[int]() if look.stopped else look.leased
        gone = [lease for lease in going if lease.message_id in leased]
        if gone:
            self._slots.start(gone, now=look.now, until=look.until)
            self._report.posted += len(gone)
        self._write([Ended(lease, held_back(lease, look)) for lease in going if lease.message_id not in leased])
        return gone

    def _wait_for_others(self) -> bool:
        """Nothing is due; but to whom something is being posted, something else may be due after it.

        And what a run held that seems to be gone is due once that is sure.
        """
        again_in = self._outbox.looks_again_in()
        if self._slots.busy or (again_in is not None and not self._marks.pending):
            self._settle(self._slots.landed(within_s=_LONG_S if again_in is None else again_in))
        elif self._marks.pending:
            self._count(all_of_it=True)
        else:
            # Another run may have opened the circuit: then, too, there is nothing to claim.
            self._report.stands(self._breaker.read())
            return False
        return True

    def _settle(self, landed: Sequence[Landed]) -> None:
        """Have written down what came back, at once; what it says of the endpoint is waited for where it matters."""
        ended = [
            came_back(each.lease, each.sent, probe=self._probe.is_among([each.lease]))
            for each in landed
            if each.sent is not None
        ]
        telling = any(each.probe or (each.sent and tells(each.sent.reply)) for each in ended)
        late = [each for each in landed if each.sent is None and each.error is None]
        self._room.came_back(len(ended))
        self._write(ended)
        try:
            self._count(all_of_it=telling)
        except BaseException:
            self._give_back([each.lease for each in late])
            raise
        self._ending |= any(each.error is not None for each in landed)
        self._look_again(late)
        self._probe.is_over(ended)
        for each in landed:
            if each.error is not None:
                raise each.error

    def _look_again(self, back: Sequence[Landed]) -> None:
        """What had not left when its look was old gets another at once, for what took so long stands by now.

        Its moment has come already. After a long while the safeguards must be asked again, so it is given back.
        """
        if not back:
            return
        late = [each.lease for each in back]
        # What waited for a slot says nothing of the database, nor of the way to the webhook.
        self._late.update(each.lease.message_id for each in back if not each.waited)
        in_vain = max(self._late[lease.message_id] for lease in late) >= LOOKS
        if in_vain or self._ending or self._report.stopped or (self._shut and not self._probe.is_among(late)):
            self._give_back(late)
            if in_vain and not self._ending:
                raise Refusal(_IN_VAIN)
            return
        self._report.posted -= len(late)
        with self._keeping_their_attempts(late):
            look = self._outbox.may_post(late)
        self._write_back([lease for lease in late if look.now - lease.claimed_at > _HOLDS_FOR])
        self._let_go([lease for lease in late if look.now - lease.claimed_at <= _HOLDS_FOR], look)

    def _give_back(self, late: Sequence[Lease]) -> None:
        """They do not leave, and count as not posted."""
        self._report.posted -= len(late)
        self._write_back(late)

    def _write_back(self, late: Sequence[Lease]) -> None:
        self._write([Ended(lease, STOPPED if self._report.stopped else HELD_UP) for lease in late])
        self._probe.give_back(late)

    @property
    def _shut(self) -> bool:
        return self._report.circuit.state != "closed"

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
        if self._shut and not self._probe.ours:
            self._moments.drop()

    def _drain(self) -> None:
        self._ending = True
        self._drain_slots()
        self._probe.drop()

    def _drain_slots(self) -> None:
        """Wait until nothing is under way and all of it is written down, and only then say what went wrong meanwhile.

        What cannot be written down of one message must not lose the answers to the others.
        """
        wrong: list[Exception] = []
        while self._slots.busy or self._marks.pending:
            try:
                if self._slots.busy:
                    self._settle(self._slots.landed(within_s=_LONG_S))
                else:
                    self._count(all_of_it=True)
            except Exception as error:  # noqa: BLE001 - the first is raised below
                wrong.append(error)
        self._count()
        if wrong:
            raise wrong[0]
