"""What a message costs with the two leanest worker queues, beside ours and the plain loop, in turns on one receiver.

`make bench-queues`; needs Node, and a redis-server on the path. Queues claim, post and mark; they ask nothing else.
"""

import json
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from ige_pipeline.bench import deliver as bench
from ige_pipeline.bench.deliver import Posted
from ige_pipeline.bench.population import own_database, own_server
from ige_pipeline.bench.webhook import receiving, reference
from ige_pipeline.postgres.connection import connect

_AT_ONCE = 64
Meter = Callable[[], float]


def compare(folder: Path, *, messages: int, rounds: int) -> dict[str, list[Posted]]:
    """Let each have so many turns; return {method: its turns}."""
    turns: dict[str, list[Posted]] = {}
    with (
        own_server() as server,
        own_database(server) as url,
        own_database(server) as jobs,
        redis() as (port, redis_cpu),
        receiving(latency_s=0.0) as webhook,
        connect(url) as conn,
    ):
        bench.fill(conn, due=1000 + messages * rounds)
        bench.ours(url, webhook, messages=1000, at_once=_AT_ONCE)
        node = partial(_node, folder, webhook, messages=messages)
        methods: dict[str, Callable[[], Posted]] = {
            "ours": lambda: bench.ours(url, webhook, messages=messages, at_once=_AT_ONCE),
            # Its local queue holds so many rows locked, for hours after a kill.
            "graphile 500": lambda: node("graphile.mjs", jobs, "500", meter=bench.cpu_of_postgres(conn)),
            "graphile 32": lambda: node("graphile.mjs", jobs, "32", meter=bench.cpu_of_postgres(conn)),
            "BullMQ": lambda: node("bullmq.mjs", str(port), "0", meter=redis_cpu),
            "the plain loop": lambda: _plain(webhook, messages),
        }
        for _ in range(rounds):
            for name, turn in methods.items():
                turns.setdefault(name, []).append(turn())
    return turns


def _plain(webhook: str, messages: int) -> Posted:
    seconds, cpu_s = reference(webhook, messages=messages, at_once=_AT_ONCE)
    return Posted("the plain loop", messages, seconds, cpu_s)


def _node(folder: Path, webhook: str, script: str, store: str, ahead: str, *, messages: int, meter: Meter) -> Posted:
    """Run one queue's turn; it is ready when its jobs wait, and says itself what it used."""
    asked = ["node", script, webhook, store, str(messages), str(_AT_ONCE), ahead]
    with subprocess.Popen(  # noqa: S603 - our own scripts
        asked, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        if process.stdout.readline() != "ready\n":
            raise RuntimeError(f"This benchmark is void: {script} did not begin.")
        before = meter()
        process.stdin.write("\n")
        process.stdin.flush()
        told = json.loads(process.stdout.readline())
        spent = meter() - before
        process.stdin.close()
    return Posted(script, messages, told["seconds"], told["cpu_s"], spent)


@contextmanager
def redis() -> Iterator[tuple[int, Meter]]:
    """Start a redis-server that writes down what BullMQ must not lose; give its port, and its CPU seconds."""
    program = shutil.which("redis-server")
    if program is None:
        sys.exit("redis-server is not on the path: apt install redis-server")
    with tempfile.TemporaryDirectory() as data, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        asked = [
            program,
            "--port",
            str(port),
            "--bind",
            "127.0.0.1",
            "--dir",
            data,
            "--appendonly",
            "yes",
            "--save",
            "",
        ]
        with subprocess.Popen(  # noqa: S603 - found on the path
            [*asked, "--maxmemory-policy", "noeviction"], stdout=subprocess.DEVNULL
        ) as process:
            try:
                _wait_for(port)
                yield port, lambda: bench.cpu_of_process(process.pid)
            finally:
                process.terminate()


def _wait_for(port: int) -> None:
    for _ in range(100):
        with socket.socket() as tried:
            if tried.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError("redis-server did not start.")


def main() -> None:
    """Compare, and print a table of medians."""
    folder, messages, rounds = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    turns = compare(folder, messages=messages, rounds=rounds)
    plain = _median(turns["the plain loop"], lambda turn: turn.cpu_per_1000)
    sys.stdout.write(f"{'':>16} {'messages/s':>11} {'own CPU':>9} {'server':>9} {'all':>9} {'times plain':>12}\n")
    for name, measured in turns.items():
        per_second = _median(measured, lambda turn: turn.per_second)
        own, server = (_median(measured, each) for each in (_own, _server))
        cost = _median(measured, lambda turn: turn.cpu_per_1000)
        line = f"{name:>16} {per_second:>11,.0f} {own:>9.3f} {server:>9.3f} {cost:>9.3f} {cost / plain:>12.1f}\n"
        sys.stdout.write(line)


def _own(turn: Posted) -> float:
    return turn.cpu_s * 1000 / turn.messages


def _server(turn: Posted) -> float:
    return turn.postgres_cpu_s * 1000 / turn.messages


def _median(turns: list[Posted], figure: Callable[[Posted], float]) -> float:
    return statistics.median(figure(turn) for turn in turns)


if __name__ == "__main__":
    main()
