"""The benchmark of who is due and who may be written to: ours beside a naive statement and the old system's way.

All methods have to find the same winners, else there is nothing to compare.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ige_pipeline.bench import ours, reference
from ige_pipeline.bench.measure import Figure, peak_mb, stopwatch
from ige_pipeline.bench.population import own_server, populated
from ige_pipeline.bench.reference import Winners
from ige_pipeline.ledger.batch import Batch
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.safeguards.phonebook import read_others
from ige_pipeline.settings import Settings

NAIVE = "naive set-based query"
OURS = "ours, nothing written"
WRITTEN = "ours, ledger written"
ALL = "ours, ledger written, all triggers"
INSERT = "the ledger's rows inserted, one connection"
SCAN = "every table read once"
OLD = "one contractor at a time"


@dataclass(frozen=True)
class Report:
    """One size's figures, how many candidates and winners there were, and the peak memory of this process in MB."""

    contractors: int
    figures: tuple[Figure, ...]
    candidates: int
    winners: int
    peak_mb: float

    def ratio(self, figure: Figure) -> float:
        """How many times as many contractors a second as the naive query."""
        return figure.per_second / next(each for each in self.figures if each.method == NAIVE).per_second


@dataclass
class Bench:
    """One database full of made-up people, and what was measured on it so far."""

    lanes: Sequence[Connection]
    contractors: int
    settings: Settings
    as_of: Batch
    seconds: dict[str, list[float]] = field(default_factory=dict)
    winners: dict[str, Winners] = field(default_factory=dict)
    candidates: int = 0

    def turn(self, method: str, work: Callable[[], Any]) -> Any:
        """Measure one turn of a method."""
        seconds, result = stopwatch(work)
        self.seconds.setdefault(method, []).append(seconds)
        return result

    def values(self) -> dict[str, Any]:
        """Return what the reference methods are told: every setting, and the moment."""
        return self.settings.model_dump() | {"as_of": self.as_of.as_of}


def run(sizes: Iterable[int], *, rounds: int = 3, sample: int = 1000) -> Iterator[Report]:
    """Measure each size on a fresh database of a server of our own, the best of so many rounds.

    Raises RuntimeError when the methods do not find the same winners.
    """
    with own_server() as url:
        for contractors in sizes:
            with populated(url, contractors=contractors) as lanes:
                yield measure(lanes, contractors=contractors, rounds=rounds, sample=sample)


def measure(lanes: Sequence[Connection], *, contractors: int, rounds: int, sample: int) -> Report:
    """Measure every method on a populated database."""
    conn = lanes[0]
    bench = Bench(lanes, contractors, Settings(), ours.new_batch(conn))
    # Reading a phone number takes 70 µs, once in its life: the first batches pay for it, and none of these.
    while read_others(conn, region=bench.settings.default_region):
        pass
    ours.written(lanes, ours.new_batch(conn, bench.as_of), ours.every_trigger(), bench.settings)
    peak = peak_mb()
    for _ in range(rounds):
        _written_turns(bench)
    for _ in range(rounds):
        bench.turn(SCAN, lambda: reference.scan(conn))
        bench.winners[NAIVE] = bench.turn(NAIVE, lambda: reference.naive(conn, bench.values()))
        found = bench.turn(OURS, lambda: ours.unwritten(lanes, bench.as_of, ours.goal_triggers(), bench.settings))
        bench.winners[OURS] = ours.winners_of(found)
    asked = min(sample, contractors)
    bench.winners[OLD] = bench.turn(OLD, lambda: reference.one_at_a_time(conn, bench.values(), sample=asked))
    _agree(bench, sample=asked)
    return Report(contractors, tuple(_figures(bench, asked)), bench.candidates, len(bench.winners[OURS]), peak)


def _written_turns(bench: Bench) -> None:
    for method, triggers in ((WRITTEN, ours.goal_triggers()), (ALL, ours.every_trigger())):
        ours.empty_ledger(bench.lanes[0])
        batch = ours.new_batch(bench.lanes[0], bench.as_of)
        bench.turn(method, partial(ours.written, bench.lanes, batch, triggers, bench.settings))
        bench.candidates, bench.winners[method] = ours.recorded(bench.lanes[0], batch)
    ours.ledger_again(bench.lanes[0], partial(bench.turn, INSERT))


def _agree(bench: Bench, *, sample: int) -> None:
    everyone = bench.winners[OURS]
    few = {winner for winner in everyone if winner[0] <= sample}
    expected = {NAIVE: everyone, WRITTEN: everyone, OLD: few, ALL: _all_unwritten(bench)}
    for method, winners in expected.items():
        if bench.winners[method] != winners:
            extra, missing = len(bench.winners[method] - winners), len(winners - bench.winners[method])
            raise RuntimeError(f"This benchmark is void: {method} finds {extra} winners more and {missing} fewer.")


def _all_unwritten(bench: Bench) -> Winners:
    return ours.winners_of(ours.unwritten(bench.lanes, bench.as_of, ours.every_trigger(), bench.settings))


def _figures(bench: Bench, sample: int) -> Iterator[Figure]:
    for method in (SCAN, INSERT, OURS, WRITTEN, ALL, NAIVE):
        yield Figure(method, bench.contractors, min(bench.seconds[method]))
    yield Figure(OLD, bench.contractors, min(bench.seconds[OLD]) * bench.contractors / sample, sample)
