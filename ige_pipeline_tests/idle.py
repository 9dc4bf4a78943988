"""What a delivery run that finds nothing costs, in CPU-seconds of its process: `make idle`.

On Dagster's production storage and a server of its own; nothing is posted. The run that is launched is what production
does: a process that the code server starts and waits for. Left out are the daemon's share (its tick, the queue) and
what Postgres does.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import dagster as dg
import psycopg
from dagster._core.workspace.context import WorkspaceProcessContext

from ige_pipeline.postgres import embedded
from ige_pipeline.postgres.migrate import migrate
from ige_pipeline_tests.dagster_instances import DELIVER, ROOT, surroundings
from ige_pipeline_tests.launched import code_server, gone, launch, process_of, until

TIMES = 3
OPS = ("expire_stale", "deliver_messages", "report_backlog")
JOB = ["-m", "dagster", "job", "execute", "-m", "ige_pipeline.definitions", "-j", "deliver_messages_job"]
EMPTY = ["-m", "dagster", "job", "execute", "-f", str(ROOT / "ige_pipeline_tests" / "empty_job.py"), "-j", "empty"]
MEASURED = {
    "import dagster": ["-c", "import dagster"],
    "import ige_pipeline.definitions": ["-c", "import ige_pipeline.definitions"],
    "an empty job of three ops, in Dagster": EMPTY,
    "a delivery run that finds nothing, in Dagster": JOB,
    "the same by `ige run deliver`": ["-m", "ige_pipeline.cli.main", "run", "deliver"],
    "`ige status`": ["-m", "ige_pipeline.cli.main", "status"],
}


def main() -> None:
    """Measure each a few times and print the least."""
    with tempfile.TemporaryDirectory() as folder:
        server = Path(folder) / "postgres"
        url = embedded.ensure_running(server, idle_stop=timedelta(minutes=10), durable=False)
        try:
            _measure(Path(folder), url)
        finally:
            embedded.discard(server)


def _measure(folder: Path, url: str) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("CREATE DATABASE dagster")
    migrate(url)
    home = folder / "home"
    home.mkdir()
    (home / "dagster.yaml").write_bytes((ROOT / "deploy" / "dagster.yaml").read_bytes())
    storage = urlsplit(url)._replace(path="/dagster").geturl()
    ours = {"DAGSTER_HOME": str(home), "DAGSTER_POSTGRES_URL": storage}
    env = os.environ | surroundings(url, "http://127.0.0.1:9/") | ours
    for title, arguments in MEASURED.items():
        costs = [_cost([sys.executable, *arguments], env, folder) for _ in range(TIMES)]
        cpu, elapsed = min(costs)
        print(f"{title}: {cpu:.2f} CPU-s, {elapsed:.1f} s")  # noqa: T201 - it is what this is for
    os.environ.update(env)
    os.chdir(folder)
    with dg.DagsterInstance.from_config(str(home)) as instance, code_server(instance) as server:
        cpu, beside, elapsed = min(_launched(server) for _ in range(TIMES + 1))
        (pid,) = _code_server()
    until(lambda: gone(pid))
    title = "a delivery run that finds nothing, launched"
    print(f"{title}: {cpu:.2f} CPU-s, {elapsed:.1f} s; the code server beside it: {beside:.2f} CPU-s")  # noqa: T201


def _launched(server: WorkspaceProcessContext) -> tuple[float, float, float]:
    """Return what a launched run cost its process, what it cost the code server, and how long it took to its end."""
    (pid,) = _code_server()
    (own, waited), began = _spent(pid), time.monotonic()
    run_id = launch(server, DELIVER)
    process = process_of(server.instance, run_id)
    until(lambda: gone(process))
    elapsed, (own_after, waited_after) = time.monotonic() - began, _spent(pid)
    assert server.instance.get_run_stats(run_id).steps_succeeded == len(OPS)
    return waited_after - waited, own_after - own, elapsed


def _code_server() -> list[int]:
    return [each for each in _children(os.getpid()) if "grpc" in Path(f"/proc/{each}/cmdline").read_text()]


def _children(pid: int) -> list[int]:
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
    return [child for child, parent in parents.items() if parent == pid]


def _spent(pid: int) -> tuple[float, float]:
    """Return the CPU-seconds of a process, and those of its children that it waited for."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks = os.sysconf("SC_CLK_TCK")
    return (int(fields[11]) + int(fields[12])) / ticks, (int(fields[13]) + int(fields[14])) / ticks


def _cost(command: list[str], env: dict[str, str], folder: Path) -> tuple[float, float]:
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run(command, env=env, cwd=folder, check=True, capture_output=True)  # noqa: S603 - our own interpreter
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, time.monotonic() - began


if __name__ == "__main__":
    main()
