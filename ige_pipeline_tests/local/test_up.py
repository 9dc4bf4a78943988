"""`ige up`: what its programs see, what it writes, and what it says before Dagster starts."""

from io import StringIO
from pathlib import Path

import psycopg
import pytest
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb
from rich.console import Console

from ige_pipeline.local.sandbox import held
from ige_pipeline.local.up import Project, prepare, run_up, write_dotenv
from ige_pipeline.refusal import Refusal


def prepared(project: Project) -> str:
    out = StringIO()
    prepare(project, Console(file=out, width=300))
    return out.getvalue()


def test_the_env_file_wins_as_it_does_under_dagster(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("IGE_DATABASE_URL=postgresql://file/db\nDAGSTER_HOME=/srv/home\nEMPTY\n")

    project = Project(tmp_path, {"IGE_DATABASE_URL": "postgresql://shell/db", "PATH": "/bin"})

    assert project.seen.database().url == "postgresql://file/db"
    assert project.dagster_home == Path("/srv/home")
    assert project.seen.get("PATH") == "/bin"
    assert project.seen.schedules_on


def test_state_is_kept_in_the_project_by_default(tmp_path: Path) -> None:
    assert Project(tmp_path, {}).dagster_home == tmp_path / ".ige" / "dagster_home"


def test_a_relative_home_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="absolute path"):
        _ = Project(tmp_path, {"DAGSTER_HOME": "here"}).dagster_home


def test_what_a_bare_dagster_needs_is_written_once_and_holds_no_secret(tmp_path: Path) -> None:
    project = Project(tmp_path, {"IGE_DATABASE_URL": "postgresql://ige:secret@host/db"})

    written = [write_dotenv(project), write_dotenv(project)]

    assert written == [True, False]
    text = (tmp_path / ".env").read_text()
    assert f"DAGSTER_HOME={tmp_path}/.ige/dagster_home\n" in text
    assert "secret" not in text


def test_an_empty_database_is_migrated_and_a_missing_webhook_is_said(empty_database_url: str, tmp_path: Path) -> None:
    text = prepared(Project(tmp_path, {"IGE_DATABASE_URL": empty_database_url}))

    assert "at the current schema" in text
    assert "No webhook is set" in text
    assert "ige adopt" not in text


def test_rows_of_an_earlier_system_are_said_to_be_held(
    conn: psycopg.Connection[DictRow], database_url: str, tmp_path: Path
) -> None:
    found = Jsonb({"state": "pending", "unsent": 3, "follow_ups": 2, "event_messages": 0})
    conn.execute("UPDATE ige_switches SET value = %s WHERE name = 'adoption'", [found])

    text = prepared(Project(tmp_path, {"IGE_DATABASE_URL": database_url, "N8N_WEBHOOK_URL": "http://127.0.0.1/"}))

    assert "5 messages of an earlier system are held" in text
    assert "No webhook" not in text


def test_schedules_that_the_env_file_keeps_off_are_said_to_be(database_url: str, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("IGE_SCHEDULES=off\n")

    assert "IGE_SCHEDULES in .env is not `on`" in prepared(Project(tmp_path, {"IGE_DATABASE_URL": database_url}))


def test_a_second_one_on_the_same_home_is_refused(tmp_path: Path) -> None:
    home = tmp_path / ".ige" / "dagster_home"

    with held(home / "ige_up.lock", by="ige up"), pytest.raises(Refusal, match="Another `ige up`"):
        run_up(tmp_path, environment={}, console=Console(file=StringIO()))
