"""The benchmark of delivery: how near to what the receiver's latency allows, and what a message costs.

Our figure has everything in it: pace, claim, every safeguard, the last look, the POST, the marks and the attempts, and
the CPU of all of Postgres. The plain loop posts and keeps no books.
"""

import os
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from ige_pipeline.bench.measure import peak_mb, stopwatch
from ige_pipeline.bench.population import own_database, own_server
from ige_pipeline.bench.webhook import receiving, reference
from ige_pipeline.delivery.deliver import deliver
from ige_pipeline.delivery.endpoint import WebhookEndpoint
from ige_pipeline.delivery.outbox import open_outbox
from ige_pipeline.delivery.outcome import Postponed
from ige_pipeline.delivery.settlement import Ended
from ige_pipeline.delivery.target import Target
from ige_pipeline.postgres.connection import Connection, connect
from ige_pipeline.postgres.queries import load
from ige_pipeline.safeguards.phonebook import read_others
from ige_pipeline.settings import Settings

_QUERIES = load(__package__, "deliver.sql")
_CLAIM = load("ige_pipeline.delivery", "claim.sql")
_TICKS = os.sysconf("SC_CLK_TCK")
_AT_ONCE = 500_000


@dataclass(frozen=True)
class Posted:
    """So many messages posted: seconds, CPU seconds of the process, and those of Postgres."""

    method: str
    messages: int
    seconds: float
    cpu_s: float
    postgres_cpu_s: float = 0.0

    @property
    def per_second(self) -> float:
        """Messages a second."""
        return self.messages / self.seconds

    @property
    def cpu_per_1000(self) -> float:
        """CPU seconds for a thousand messages, those of Postgres included."""
        return (self.cpu_s + self.postgres_cpu_s) * 1000 / self.messages


@dataclass(frozen=True)
class Report:
    """One receiver's latency (seconds), the two methods, and our peak memory in MB before and after."""

    latency_s: float
    at_once: int
    ours: Posted
    plain: Posted
    peak_mb: tuple[float, float]

    @property
    def share_of_ideal(self) -> float | None:
        """What part of in-flight ÷ latency we reach, None without latency."""
        return self.ours.per_second * self.latency_s / self.at_once if self.latency_s else None


def run(*, latencies_s: tuple[float, ...], messages: int, due: int, at_once: int, rounds: int = 3) -> Iterator[Report]:
    """Measure each latency over an outbox with so many due rows, of which so many are posted in each of some turns."""
    with own_server() as server:
        for latency_s in latencies_s:
            with own_database(server) as url, receiving(latency_s=latency_s) as webhook:
                with connect(url) as conn:
                    fill(conn, due=due)
                asked = {"messages": messages, "at_once": at_once, "rounds": rounds}
                yield _measure(url, webhook, latency_s=latency_s, **asked)


def fill(conn: Connection, *, due: int) -> None:
    """Put so many due messages, each to somebody else and with its decision, into an empty database of our own."""
    hour = datetime.now(UTC).hour
    ahead = (12 - hour + 11) % 24 - 11
    # POSIX counts westward: Etc/GMT-5 is five hours ahead of UTC.
    values = {"count": due, "zone": f"Etc/GMT{-ahead:+d}" if ahead else "Etc/GMT"}
    for name in ("people", "batch", "decisions", "due"):
        conn.execute(_QUERIES[name], values if "%(" in _QUERIES[name] else None)
    # A number is read once in its life, at 70 µs.
    read_others(conn, region="US", at_most=due)
    conn.execute("VACUUM (ANALYZE)")
    conn.execute("CHECKPOINT")


def _measure(url: str, webhook: str, *, latency_s: float, messages: int, at_once: int, rounds: int) -> Report:
    # The first run imports and connects; nobody's second does.
    ours(url, webhook, messages=1000, at_once=at_once)
    reference(webhook, messages=500, at_once=at_once)
    before = peak_mb()
    measured, plain = list[Posted](), list[Posted]()
    for _ in range(rounds):
        # In turns, so that what else the machine does falls on both.
        measured.append(ours(url, webhook, messages=messages, at_once=at_once))
        seconds, cpu_s = reference(webhook, messages=messages, at_once=at_once)
        plain.append(Posted("a plain aiohttp loop", messages, seconds, cpu_s))
    return Report(latency_s, at_once, _middle(measured), _middle(plain), (before, peak_mb()))


def _middle(turns: list[Posted]) -> Posted:
    """Return the turn whose time is the median."""
    return sorted(turns, key=lambda turn: turn.seconds)[len(turns) // 2]


def ours(url: str, webhook: str, *, messages: int, at_once: int) -> Posted:
    """Deliver so many messages as every run does; RuntimeError when not all arrive."""
    settings = Settings(
        max_messages_per_run=messages,
        messages_per_second=100_000,
        delivery_concurrency=at_once,
        ignore_other_sender=True,
    )
    with connect(url) as conn, _cpu_of_postgres(conn) as postgres:
        cpu = _own_cpu()
        seconds, report = stopwatch(lambda: deliver(conn, WebhookEndpoint(Target(webhook)), settings, run_id="bench"))
        spent = _own_cpu() - cpu
    if report.counts["Delivered"] != messages:
        raise RuntimeError(f"This benchmark is void: {dict(report.counts)} instead of {messages} delivered.")
    return Posted("ours, Postgres included", messages, seconds, spent, postgres())


def claiming(*, sent: int, due: int = 1000, at_once: int = 64) -> Iterator[dict[str, Any]]:
    """Measure claims of `at_once` rows with nothing behind the due rows, then with so many sent ones; give the plan."""
    with own_server() as server, own_database(server) as url, connect(url) as conn:
        fill(conn, due=due)
        yield {"sent": 0, **claims(url, at_once)}
        send_long_ago(conn, sent)
        yield {"sent": sent, **claims(url, at_once)}


def send_long_ago(conn: Connection, sent: int) -> None:
    """Put so many messages behind the due ones that were sent long ago."""
    for first in range(1, sent + 1, _AT_ONCE):
        conn.execute(_QUERIES["sent"], {"first": first, "last": min(first + _AT_ONCE - 1, sent)})
    conn.execute("VACUUM (ANALYZE)")
    conn.execute("CHECKPOINT")


def claims(url: str, at_once: int, *, times: int = 50) -> dict[str, Any]:
    """Claim, give back and claim again; return milliseconds a claim (the median) and the plan of one."""
    settings, took = Settings(), []
    with connect(url) as conn, open_outbox(conn, settings, run_id="bench", adopted=True, endpoint="bench") as outbox:
        for _ in range(times):
            began = time.perf_counter()
            leases = outbox.claim(at_once)
            took.append(time.perf_counter() - began)
            if len(leases) != at_once:
                raise RuntimeError("This benchmark is void: less was claimed than is due.")
            outbox.settle([Ended(lease, Postponed(({"reason": "bench"},), until=lease.claimed_at)) for lease in leases])
        return {"milliseconds": sorted(took)[times // 2] * 1000, "plan": _plan(conn, at_once)}


def _plan(conn: Connection, at_once: int) -> list[str]:
    """Explain a claim as it runs, by the plan for all values, and undo it."""
    asked = {
        "expire_after_hours": 24, "adopted": True, "probing": False, "only": None, "worn": False, "endpoint": "bench",
        "at_most": at_once, "owner": 1, "lease_seconds": 60,
    }  # fmt: skip
    with conn.transaction(force_rollback=True):
        conn.execute(_CLAIM["claims_only"])
        plan = conn.execute("EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF) " + _CLAIM["claim_due"], asked)
        return [next(iter(row.values())) for row in plan]


def _own_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


@contextmanager
def _cpu_of_postgres(conn: Connection) -> Iterator[Any]:
    """Give what returns the CPU seconds that the whole server has used since; while the connection is open."""
    meter = cpu_of_postgres(conn)
    before = meter()
    used: list[float] = []
    try:
        yield lambda: used[0]
    finally:
        used.append(meter() - before)


def cpu_of_postgres(conn: Connection) -> Callable[[], float]:
    """Return what tells the CPU seconds of the whole server that this connection is to."""
    backend = (conn.execute(_QUERIES["server_process"]).fetchone() or {})["pid"]
    _, server, _ = _stat(backend)
    return partial(_server_cpu, server)


def cpu_of_process(pid: int) -> float:
    """Return the CPU seconds of one process."""
    return _stat(pid)[0]


def _server_cpu(server: int) -> float:
    """Sum the server and its children, those that ended included (Linux: proc(5))."""
    total = 0.0
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal() and (pid := int(folder.name)):
            try:
                seconds, parent, ended = _stat(pid)
            except (FileNotFoundError, ProcessLookupError):
                continue
            total += seconds + ended if pid == server else seconds if parent == server else 0
    return total


def _stat(pid: int) -> tuple[float, int, float]:
    """Return a process' CPU seconds, its parent, and the CPU seconds of its children that ended."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    user, system, ended_user, ended_system = (int(each) / _TICKS for each in fields[11:15])
    return user + system, int(fields[1]), ended_user + ended_system
