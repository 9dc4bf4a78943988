"""Logs as programs read them: one object a line, with ids, and nothing that an error may quote."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from ige_pipeline.logs import JsonLines, configure
from ige_pipeline_tests.dagster_instances import ROOT, surroundings


def line(record: logging.LogRecord) -> dict[str, str]:
    written = JsonLines().format(record)
    assert "\n" not in written
    told: dict[str, str] = json.loads(written)
    return told


def record(said: str, *arguments: object, **extra: object) -> logging.LogRecord:
    made = logging.LogRecord("ige_pipeline.room", logging.WARNING, "room.py", 1, said, arguments, None)
    made.created = 1_795_500_000.25
    made.__dict__.update(extra)
    return made


def test_a_line_says_when_how_grave_who_and_what() -> None:
    assert line(record("Message %d\nis late", 7)) == {
        "at": "2026-11-24T06:00:00.250+00:00",
        "level": "warning",
        "logger": "ige_pipeline.room",
        "said": "Message 7\nis late",
    }


def test_in_a_run_it_holds_the_ids_and_what_we_said_ourselves() -> None:
    meta = {"run_id": "r1", "job_name": "a_job", "op_name": "an_op", "step_key": None, "orig_message": "Sent."}

    told = line(record("a_job - r1 - Sent.", dagster_meta=meta))

    assert (told["run"], told["job"], told["op"], told["said"]) == ("r1", "a_job", "an_op", "Sent.")
    assert "step" not in told


def test_of_an_error_only_its_name_is_told() -> None:
    try:
        int("+1212555 0188")
    except ValueError:
        written = JsonLines().format(record("It failed.", exc_info=sys.exc_info()))

    assert json.loads(written)["error"] == "ValueError"
    assert "0188" not in written


@pytest.fixture
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:], root.level = handlers, level


@pytest.mark.usefixtures("_restored")
def test_only_where_it_is_asked_for_the_process_logs_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    before = list(logging.getLogger().handlers)
    configure("text")
    assert logging.getLogger().handlers == before

    configure("json")
    logging.getLogger("ige_pipeline.room").info("Sent.")

    assert json.loads(capsys.readouterr().err)["said"] == "Sent."


def test_in_production_a_run_says_each_thing_in_json_too(tmp_path: Path) -> None:
    """By python_logs of deploy/dagster.yaml, in a process of its own as the code server starts one."""
    env = os.environ | surroundings("postgresql://127.0.0.1:1/none", None)
    env |= {"IGE_LOG_FORMAT": "json", "DAGSTER_HOME": str(tmp_path)}
    settings = yaml.safe_load((ROOT / "deploy" / "dagster.yaml").read_text(encoding="utf-8"))
    settings.pop("storage")
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(settings))
    words = ["-m", "dagster", "job", "execute", "-m", "ige_pipeline.definitions", "-j", "deliver_messages_job"]

    ran = subprocess.run(  # noqa: S603 - our own interpreter and words
        [sys.executable, "-W", "ignore", *words], env=env, cwd=tmp_path, capture_output=True, text=True, check=False
    )

    told = [json.loads(line) for line in ran.stderr.splitlines() if line.startswith("{")]
    of_the_run = [each for each in told if each.get("job") == "deliver_messages_job"]
    assert {each["level"] for each in of_the_run} == {"error"}
    assert any(each.get("step") == "expire_stale" for each in of_the_run)
    assert len({each["run"] for each in of_the_run}) == 1
