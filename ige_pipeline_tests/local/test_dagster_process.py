"""A real `dagster dev`: up on loopback, deaf to a foreign `.env`, and gone when it is ended."""

import os
import time
from pathlib import Path

from ige_pipeline.local.dagster_process import start_dagster
from ige_pipeline.local.guard import living
from ige_pipeline.local.sandbox import Sandbox

# Writes down what Dagster's code server sees.
STAND_IN = """
import json, os
import dagster as dg
with open("seen.json", "w") as file:
    json.dump({name: os.environ.get(name, "") for name in ("IGE_DATABASE_URL", "N8N_OUTBOUND_WEBHOOK_URL")}, file)
@dg.op
def nothing(): pass
@dg.job
def nothing_job(): nothing()
defs = dg.Definitions(jobs=[nothing_job])
"""


def test_dagster_comes_up_in_the_sandbox_deaf_to_a_foreign_env_file_and_goes_without_a_trace(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("IGE_DATABASE_URL=poison\nN8N_OUTBOUND_WEBHOOK_URL=https://poison.example\n")
    sandbox = Sandbox(tmp_path / ".ige" / "sandbox")
    sandbox.prepare()
    (sandbox.work / "stand_in.py").write_text(STAND_IN)
    env = sandbox.environment(os.environ, database_url="ours", webhook_url="also ours")

    dagster, url = start_dagster(
        sandbox.dagster_home, env=env, cwd=sandbox.work, log=sandbox.folder / "dagster.log", module="stand_in"
    )
    running = living(dagster.pid)
    began = time.monotonic()
    dagster.end()

    assert url.startswith("http://127.0.0.1:")
    assert (sandbox.work / "seen.json").read_text() == (
        '{"IGE_DATABASE_URL": "ours", "N8N_OUTBOUND_WEBHOOK_URL": "also ours"}'
    )
    assert len(running) >= 5
    assert living(dagster.pid) == []
    assert time.monotonic() - began < 10
