"""Postgres goes away under a run: connections are cut, the server is stopped, the server crashes; and comes back."""

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Literal

from ige_pipeline.chaos.kill import WITHIN_S
from ige_pipeline.chaos.receiver import Counted
from ige_pipeline.chaos.victim import SAID_WHY, deliver_all, end_of
from ige_pipeline.chaos.world import World
from ige_pipeline.postgres import embedded
from ige_pipeline.postgres.keeper import postmaster

Outage = Literal["connections cut", "server stopped", "server crashed"]
OUTAGES: tuple[Outage, ...] = ("connections cut", "server stopped", "server crashed")


@dataclass
class Endured:
    """What a row of outages did: how runs ended, in which words, and what was in the air at each."""

    ends: Counter[str] = field(default_factory=Counter)
    sentences: Counter[str] = field(default_factory=Counter)
    in_the_air: list[list[int]] = field(default_factory=list)


@dataclass
class Blow:
    """One outage at the POST that was drawn: before its answer, or after."""

    strike: Callable[[], None]
    to_come: int
    first: bool
    struck: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def before(self) -> None:
        """Count down; strike while the run waits for the answer."""
        with self._lock:
            self.to_come -= 1
            now = self.to_come == 0
        if now and self.first:
            self._strike()

    def after(self) -> None:
        """Strike while the run writes, or claims the next one."""
        with self._lock:
            now, self.to_come = self.to_come == 0 and not self.first, self.to_come - (self.to_come == 0)
        if now:
            self._strike()

    def _strike(self) -> None:
        self.strike()
        self.struck.set()


def endure(
    world: World,
    counted: Counted,
    context: ForkServerContext,
    chance: random.Random,
    *,
    outage: Outage,
    told: Path,
    did: Endured,
) -> None:
    """Let a run deliver, take Postgres away from it at one of its first eight POSTs, and note how the run ended."""
    world.top_up()
    blow = Blow(_strike(world, outage), to_come=chance.randint(1, 8), first=chance.random() < 0.5)  # noqa: PLR2004
    counted.before, counted.after = blow.before, blow.after
    since = len(counted.posts)
    victim = context.Process(target=deliver_all, args=(world.url, counted.url, told))
    victim.start()
    if outage != "connections cut" and blow.struck.wait(WITHIN_S):
        # While the run still lives: what was answered meanwhile, it writes down as soon as it can.
        restart(world)
    code = end_of(victim, within_s=WITHIN_S)
    counted.wait_until_quiet()
    counted.spare()
    ends = {0: "carried on to the end", SAID_WHY: "ended with a sentence", None: "hung"}
    did.ends[f"{outage}: {ends.get(code, f'ended with code {code}')}"] += 1
    did.in_the_air.append(world.unmarked({message_id for message_id, _ in counted.posts[since:]}))
    did.sentences = Counter(told.read_text().splitlines() if told.exists() else [])


def _strike(world: World, outage: Outage) -> Callable[[], None]:
    if outage == "connections cut":
        return world.cut_everybody
    folder = _own_folder(world)
    if outage == "server stopped":
        return lambda: embedded.stop(folder)
    return lambda: crash(world)


def crash(world: World) -> None:
    """End the server as a power cut would."""
    pid = postmaster((_own_folder(world) / "cluster").resolve() / "data")
    if pid is not None:
        os.kill(pid, signal.SIGKILL)


def restart(world: World) -> None:
    """Bring the server back under its old address; after a crash it first has to recover."""
    folder = _own_folder(world)
    for _ in range(20):
        if embedded.ensure_running(folder) == world.url:
            return
        embedded.stop(folder)
        time.sleep(0.5)
    raise RuntimeError("The server did not come back under its old address.")


def _own_folder(world: World) -> Path:
    if world.folder is None:
        raise RuntimeError("Only a server that was started for this may be taken away.")
    return world.folder
