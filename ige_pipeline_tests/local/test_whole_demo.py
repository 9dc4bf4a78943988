"""`ige demo` as a newcomer starts it: the real database, receiver and jobs, and what is left to look at."""

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path


def test_it_delivers_tells_about_it_and_leaves_its_runs_in_dagster(tmp_path: Path) -> None:
    poisoned = dict(os.environ) | {
        "IGE_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/production",
        "N8N_OUTBOUND_WEBHOOK_URL": "http://127.0.0.1:1/production",
        "COLUMNS": "160",
    }
    state = tmp_path / "sandbox"

    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "ige_pipeline.cli.main", "demo", "--once", "--state", str(state)],
        env=poisoned,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "Written to: " in done.stdout
    assert "Not written to this time: " in done.stdout
    texts = [json.loads(line) for file in state.rglob("*.jsonl") for line in file.read_text().splitlines()]
    assert len(texts) >= 12
    assert runs(state) == {("schedule_messages_job", "SUCCESS"), ("deliver_messages_job", "SUCCESS")}


def runs(state: Path) -> set[tuple[str, str]]:
    """Return the jobs and states of the runs that Dagster will show."""
    (database,) = state.rglob("runs.db")
    with sqlite3.connect(database) as conn:
        found = set(conn.execute("SELECT pipeline_name, status FROM runs"))
    conn.close()
    return found
