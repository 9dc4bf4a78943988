"""What a delivery run that finds nothing costs, in CPU-seconds of its process: `make idle`.

On Dagster's production storage and a server of its own; nothing is posted.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from ige_pipeline.postgres import embedded
from ige_pipeline.postgres.migrate import migrate
from ige_pipeline_tests.dagster_instances import ROOT, surroundings

TIMES = 3
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


def _cost(command: list[str], env: dict[str, str], folder: Path) -> tuple[float, float]:
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run(command, env=env, cwd=folder, check=True, capture_output=True)  # noqa: S603 - our own interpreter
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, time.monotonic() - began


if __name__ == "__main__":
    main()
