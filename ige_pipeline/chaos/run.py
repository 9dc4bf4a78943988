"""The whole of `ige chaos`: kills, outages, and what they cost, against the promises that delivery makes."""

import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerContext
from pathlib import Path

from ige_pipeline.chaos.kill import Killed, kill, out_of_reach, recover, story, unexplained
from ige_pipeline.chaos.outage import OUTAGES, Endured, endure
from ige_pipeline.chaos.receiver import Counted, counting
from ige_pipeline.chaos.victim import forks
from ige_pipeline.chaos.world import World, own_world, repeats

KILLS_BETWEEN_RECOVERIES = 10
STORIES = 10
"""So many of the messages that broke a promise are told in full."""
Step = Callable[[str], None]


@dataclass
class Report:
    """Everything that was done and counted; `broken` names the promises that did not hold.

    `unexplained` and `out_of_reach` are the messages that arrived again without need, by our table and by the
    receiver's watch; `stories` tells of some of them when they came, and which kills were near.
    """

    killed: Killed = field(default_factory=Killed)
    endured: Endured = field(default_factory=Endured)
    messages: int = 0
    posts: int = 0
    repeated: int = 0
    lost: list[int] = field(default_factory=list)
    unexplained: list[int] = field(default_factory=list)
    out_of_reach: list[int] = field(default_factory=list)
    stories: list[str] = field(default_factory=list)
    cold_start_s: float = 0.0
    broken: list[str] = field(default_factory=list)


def run(*, kills: int, outages: int, seed: int, step: Step) -> Report:
    """Kill `kills` runs, take Postgres away `outages` times in each way, and count; needs no database of anybody."""
    chance, report = random.Random(seed), Report()  # noqa: S311 - moments, not secrets
    with own_world() as world, counting() as counted, tempfile.TemporaryDirectory() as folder:
        context = forks()
        _kill_in_turns(world, counted, context, chance, kills=kills, report=report, step=step)
        report.out_of_reach = out_of_reach(counted, report.killed)
        _take_postgres_away(
            world, counted, context, chance, times=outages, folder=Path(folder), report=report, step=step
        )
        report.cold_start_s = _cold_start(world, counted, report, step)
        _count(world, counted, report)
    return report


def _kill_in_turns(
    world: World,
    counted: Counted,
    context: ForkServerContext,
    chance: random.Random,
    *,
    kills: int,
    report: Report,
    step: Step,
) -> None:
    while (left := kills - len(report.killed.moments)) > 0:
        turn = min(left, KILLS_BETWEEN_RECOVERIES)
        kill(world, counted, context, chance, times=turn, did=report.killed)
        recover(world, counted, context, did=report.killed)
        took = report.killed.recoveries_s[-1]
        step(f"{len(report.killed.moments)} of {kills} kills; after the last restart all was done in {took:.1f} s")


def _take_postgres_away(
    world: World,
    counted: Counted,
    context: ForkServerContext,
    chance: random.Random,
    *,
    times: int,
    folder: Path,
    report: Report,
    step: Step,
) -> None:
    for outage in OUTAGES:
        told = folder / "told"
        for _ in range(times):
            endure(world, counted, context, chance, outage=outage, told=told, did=report.endured)
        recover(world, counted, context, did=report.killed)
        step(f"{outage}: {times} times")


def _cold_start(world: World, counted: Counted, report: Report, step: Step) -> float:
    """Finish a last backlog as a person would, `ige run deliver`, imports and all; return the seconds."""
    world.fill(20)
    began = time.monotonic()
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    environment |= {"IGE_DATABASE_URL": world.url, "N8N_OUTBOUND_WEBHOOK_URL": counted.url}
    words = ["run", "deliver", "--set", "messages_per_second=1000", "--set", "max_messages_per_run=1000"]
    with tempfile.TemporaryDirectory() as nowhere:
        try:
            subprocess.run(  # noqa: S603 - our own words
                [sys.executable, "-m", "ige_pipeline.cli.main", *words],
                env=environment,
                cwd=nowhere,
                check=True,
                capture_output=True,
                timeout=60,
            )
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            report.killed.unfinished.append(f"From a cold start: {type(error).__name__}.")
    step(f"`ige run deliver` from a cold start finished what was due in {time.monotonic() - began:.1f} s")
    return time.monotonic() - began


def _count(world: World, counted: Counted, report: Report) -> None:
    arrived = counted.times
    report.messages, report.posts = len(world.messages()), len(counted.posts)
    report.repeated = sum(repeats(counted).values())
    report.lost = sorted(set(world.not_sent()) | (set(world.messages()) - set(arrived)))
    flights = Killed(in_the_air=report.killed.in_the_air + report.endured.in_the_air)
    report.unexplained = unexplained(counted, flights)
    told = sorted({*report.unexplained, *report.out_of_reach})[:STORIES]
    report.stories = [story(counted, report.killed, message_id) for message_id in told]
    promises = {
        "Every message arrived, and the table says so.": not report.lost,
        "Only what was in the air is repeated.": not report.unexplained,
        "Only what the receiver had open at a kill, or had answered within the second before, is repeated.": (
            not report.out_of_reach
        ),
        "A message keeps its idempotency key.": all(len(keys) == 1 for keys in counted.keys.values()),
        "All that is due finishes within 10 s of a restart.": not report.killed.unfinished,
        "Without Postgres a run carries on or says why it ended.": not _ended_badly(report.endured.ends),
    }
    report.broken = [promise for promise, held in promises.items() if not held]


def _ended_badly(ends: Counter[str]) -> bool:
    return any("code" in end or "hung" in end for end in ends)
