"""The sandbox as a whole, with the two jobs played by a fake: it tells what it did, and leaves nothing behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from ige_pipeline.local.demo import run_demo
from ige_pipeline.local.guard import from_proc
from ige_pipeline.local.sandbox import Sandbox
from ige_pipeline.postgres import embedded
from ige_pipeline.postgres.connection import connect

SEND = """
INSERT INTO ai_proactive_messages (contractor_id, message_type, message_content, trigger_name, sent_at)
SELECT id, 'check_in', 'How is it going?', 'stalled_goal', now() FROM contractors ORDER BY id DESC LIMIT 2
"""

# Runs the sandbox with a job that never ends, and says when it is there.
ENDLESS = """
import os, sys, time
from pathlib import Path
from rich.console import Console
from ige_pipeline.local.demo import run_demo

class Endless:
    def schedule(self):
        Path(sys.argv[1], "there").touch()
        time.sleep(600)
    def deliver(self, on_settled):
        pass

sys.exit(run_demo(Path(sys.argv[1]), lambda env: Endless(), environment=os.environ, console=Console()))
"""


class FakePipeline:
    """Writes to two people, whoever is due."""

    def __init__(self, env: dict[str, str]) -> None:
        self.env = env

    def schedule(self) -> int:
        return 1

    def deliver(self, on_settled: Callable[[], None]) -> None:
        with connect(self.env["IGE_DATABASE_URL"]) as conn:
            conn.execute(SEND)
        on_settled()


class IdlePipeline(FakePipeline):
    """Finds nothing to send."""

    def deliver(self, on_settled: Callable[[], None]) -> None:
        pass


def play(folder: Path, pipeline: type[FakePipeline]) -> tuple[int, str]:
    out = StringIO()
    environment = {**os.environ, "IGE_DATABASE_URL": "postgresql://production", "N8N_WEBHOOK_URL": "https://elsewhere"}
    code = run_demo(folder, pipeline, environment=environment, console=Console(file=out, width=120), once=True)
    return code, out.getvalue()


def started_for(folder: Path) -> list[str]:
    """Return the command lines of the processes that were started for a folder."""
    return [words_of(pid) for pid, state, _ in from_proc() if state[0] not in "ZX" and str(folder) in words_of(pid)]


def left_behind(folder: Path) -> list[str]:
    """Return what is still there after a second: a keeper that has let go of its lock has yet to leave."""
    deadline = time.monotonic() + 1
    while started_for(folder) and time.monotonic() < deadline:
        time.sleep(0.02)
    return started_for(folder)


def words_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def test_it_tells_what_was_sent_and_a_second_run_keeps_the_data_and_adds_people(tmp_path: Path) -> None:
    first = play(tmp_path / "sandbox", FakePipeline)
    second = play(tmp_path / "sandbox", FakePipeline)

    assert (first[0], second[0]) == (0, 0)
    assert "59 sample contractors are loaded" in first[1]
    assert "4 newly due contractors" in second[1]
    assert all("Written to: 2" in text for _, text in (first, second))
    assert all("messages a second (only the demo is this fast" in text for _, text in (first, second))
    assert left_behind(tmp_path) == []


def test_a_run_for_a_script_that_delivers_nothing_has_failed(tmp_path: Path) -> None:
    code, text = play(tmp_path / "sandbox", IdlePipeline)

    assert code == 1
    assert "Written to: 0" in text


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_everything_in_time(tmp_path: Path, sign: signal.Signals) -> None:
    folder = tmp_path / "sandbox"
    with subprocess.Popen([sys.executable, "-c", ENDLESS, str(folder)]) as demo:  # noqa: S603 - our own words
        deadline = time.monotonic() + 60
        while not (folder / "there").exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        assert len(started_for(folder)) > 3

        demo.send_signal(sign)
        code = demo.wait(timeout=10)

    assert code == 0
    assert left_behind(folder) == []
    assert not embedded.is_running(Sandbox(folder).postgres)
