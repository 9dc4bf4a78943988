"""kill -9 of a delivery run: before the answer, exactly between it and the write, at any moment, beside another run."""

import os
import random
import signal
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from typing import Literal

from ige_pipeline.chaos.receiver import Counted
from ige_pipeline.chaos.victim import deliver_all, end_of
from ige_pipeline.chaos.world import World

Moment = Literal["before the answer", "after the answer", "at any moment", "beside a living run"]
MOMENTS: tuple[Moment, ...] = ("before the answer", "after the answer", "at any moment", "beside a living run")
WITHIN_S = 10.0
"""A restart finishes all that is due within so many seconds."""
NEAR_S = 3.0
# What a dead run had written is read a little later, by a receiver that never falls quiet while another run lives; only
# after two seconds is a run believed to be dead.
_READ_S = 0.5


@dataclass
class Killed:
    """What a row of kills did: which moments, when (seconds, monotonic), what was in the air, how long recovery took.

    `in_the_air` is what the table did not know to be sent, `in_reach` what the receiver had open, by its own watch;
    `unfinished` says of each restart that did not finish in time what became of it.
    """

    moments: list[Moment] = field(default_factory=list)
    at: list[float] = field(default_factory=list)
    in_the_air: list[list[int]] = field(default_factory=list)
    in_reach: list[set[int]] = field(default_factory=list)
    recoveries_s: list[float] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)


@dataclass
class Murder:
    """One kill that is to come, at the POST that was drawn."""

    victim: BaseProcess
    chance: random.Random
    moment: Moment
    to_come: int
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _drawn: int | None = None
    at: float = 0.0

    def before(self) -> None:
        """Count down; the run that waits for this answer dies, or is stopped so that it cannot read it."""
        with self._lock:
            self.to_come -= 1
            if self.to_come != 0:
                return
            self._drawn = threading.get_ident()
        if self.moment != "at any moment":
            self._send(signal.SIGKILL if self.moment == "before the answer" else signal.SIGSTOP)

    def after(self) -> None:
        """The answer has left: the run has it, and has not written it down."""
        if self._drawn == threading.get_ident() and self.moment == "after the answer":
            self._send(signal.SIGKILL)

    def wait(self) -> None:
        """Wait for the kill, or do it at any moment: while it starts, claims, screens, posts or writes."""
        pause = self.chance.random() * 0.05
        while self.to_come > 0 and self.victim.is_alive():
            time.sleep(0.0005)
        if self.moment == "at any moment":
            time.sleep(pause)
            self._send(signal.SIGKILL)

    def _send(self, sign: signal.Signals) -> None:
        pid = self.victim.pid
        if pid is not None and self.victim.is_alive():
            # From the first signal on it does nothing any more.
            self.at = self.at or time.monotonic()
            os.kill(pid, sign)


def kill(
    world: World, counted: Counted, context: ForkServerContext, chance: random.Random, *, times: int, did: Killed
) -> None:
    """Start a run and kill it, so many times; each kill strikes at one of its first eight POSTs, or as it starts."""
    for _ in range(times):
        moment = MOMENTS[len(did.moments) % len(MOMENTS)]
        if moment == "beside a living run":
            _kill_beside(world, counted, context, chance, did=did)
            continue
        world.top_up()
        victim = context.Process(target=deliver_all, args=(world.url, counted.url))
        murder = Murder(victim, chance, moment, to_come=chance.randint(moment != "at any moment", 8))
        since = len(counted.posts)
        counted.before, counted.after = murder.before, murder.after
        victim.start()
        murder.wait()
        _require_killed(end_of(victim, within_s=WITHIN_S))
        counted.wait_until_quiet()
        counted.spare()
        did.moments.append(moment)
        did.at.append(murder.at)
        did.in_reach.append(counted.in_reach(at=murder.at))
        did.in_the_air.append(world.unmarked({message_id for message_id, _ in counted.posts[since:]}))


def _kill_beside(
    world: World, counted: Counted, context: ForkServerContext, chance: random.Random, *, did: Killed
) -> None:
    """Kill one of two runs; the other takes over what it held and finishes everything, within `WITHIN_S` seconds."""
    world.top_up()
    living, victim = (context.Process(target=deliver_all, args=(world.url, counted.url)) for _ in range(2))
    murder = Murder(victim, chance, "before the answer", to_come=chance.randint(1, 8))
    since = len(counted.posts)
    counted.before = murder.before
    for each in (victim, living):
        each.start()
    murder.wait()
    _require_killed(end_of(victim, within_s=WITHIN_S))
    counted.spare()
    counted.wait_until_let_in()
    time.sleep(_READ_S)
    did.moments.append("beside a living run")
    did.at.append(murder.at)
    # While the other still works: of what the dead one had posted nothing is marked before it is believed to be dead.
    did.in_reach.append(counted.in_reach(at=murder.at))
    did.in_the_air.append(world.unmarked({message_id for message_id, _ in counted.posts[since:]}))
    code = end_of(living, within_s=WITHIN_S)
    did.recoveries_s.append(time.monotonic() - murder.at)
    if code != 0 or world.not_sent():
        did.unfinished.append(
            f"{WITHIN_S:.0f} s after a kill the run beside it had left something; it ended with {code}."
        )
    counted.wait_until_quiet()


def _require_killed(code: int | None) -> None:
    if code != -signal.SIGKILL:
        raise RuntimeError(f"A run that was to be killed ended by itself, with {code}: there was too little to do.")


def recover(world: World, counted: Counted, context: ForkServerContext, *, did: Killed) -> None:
    """Start a run that nobody kills and let it finish what is due; it has `WITHIN_S` seconds, or it did not."""
    began = time.monotonic()
    victim = context.Process(target=deliver_all, args=(world.url, counted.url))
    victim.start()
    code = end_of(victim, within_s=WITHIN_S)
    did.recoveries_s.append(time.monotonic() - began)
    if code != 0:
        how = "still worked" if code is None else f"had ended with {code}"
        did.unfinished.append(f"{WITHIN_S:.0f} s after a restart the run {how}.")


def out_of_reach(counted: Counted, did: Killed) -> list[int]:
    """Return the messages that arrived more often than the receiver had them open around a kill: there must be none.

    This asks neither our table nor our report, only the receiver and its watch.
    """
    reached = Counter(message_id for reach in did.in_reach for message_id in reach)
    return [message_id for message_id, times in counted.times.items() if times - 1 > reached[message_id]]


def unexplained(counted: Counted, did: Killed) -> list[int]:
    """Return the messages that arrived more often than they were in the air at a kill: there must be none."""
    flights = [message_id for air in did.in_the_air for message_id in air]
    return [message_id for message_id, times in counted.times.items() if times - 1 > flights.count(message_id)]


def story(counted: Counted, did: Killed, message_id: int) -> str:
    """Tell when a message arrived, and around which kills: what is needed to find out why it came again."""
    came = [when for (each, _), when in zip(counted.posts, counted.arrived, strict=True) if each == message_id]
    near = [
        f"{moment} {at - when:+.3f} s"
        for when in came
        for moment, at in zip(did.moments, did.at, strict=True)
        if abs(at - when) < NEAR_S
    ]
    apart = ", ".join(f"{when - came[0]:.3f}" for when in came)
    return f"Message {message_id} arrived at {apart} s; kills around its arrivals: {', '.join(near) or 'none'}."
