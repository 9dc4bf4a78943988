"""`ige watch` tells what is wrong without Dagster, and also when Postgres is what is wrong."""

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

from ige_pipeline_tests.cli.terminal import Terminal
from ige_pipeline_tests.delivery.loopback import receiving
from ige_pipeline_tests.delivery.outboxes import waiting
from ige_pipeline_tests.factories import Conn, ago

GONE = "postgresql://nobody@127.0.0.1:9/app"


def test_a_check_that_fails_is_told_once_and_that_it_is_over(conn: Conn, database_url: str) -> None:
    message = waiting(conn, created_at=ago(hours=3))
    with receiving() as desk:
        terminal = Terminal({"IGE_DATABASE_URL": database_url, "IGE_ALERT_WEBHOOK_URL": desk.url})
        first, second = terminal.type("watch"), terminal.type("watch")
        conn.execute("DELETE FROM ai_proactive_messages WHERE id = %s", [message])
        conn.execute("UPDATE ige_alerts SET told_at = told_at - interval '31 min'")
        third = terminal.type("watch")

    assert [each.exit_code for each in (first, second, third)] == [1, 1, 0]
    assert first.stdout.splitlines()[1:] == ["Told 1 alerts."]
    assert third.stdout.splitlines() == ["All checks pass.", "Told 1 alerts."]
    assert [(told["alerts"][0]["about"], told["alerts"][0]["over"]) for _, told in desk.posts] == [
        ("oldest_due", False),
        ("oldest_due", True),
    ]


def test_what_nobody_could_be_told_needs_a_look(conn: Conn, database_url: str) -> None:
    conn.execute("INSERT INTO ige_alerts (kind, about, sentence) VALUES ('run_failed', 'a_job', 'It failed.')")

    said = Terminal({"IGE_DATABASE_URL": database_url, "IGE_ALERT_WEBHOOK_URL": "http://127.0.0.1:9/"}).type("watch")

    assert said.exit_code == 1
    assert "The alert webhook was not reached" in said.stdout


def test_a_database_that_is_gone_is_told_once_in_half_an_hour_and_that_it_is_back(
    conn: Conn, database_url: str, tmp_path: Path
) -> None:
    del conn
    state = tmp_path / "told"

    def watch(url: str, desk: str) -> int:
        terminal = Terminal({"IGE_DATABASE_URL": url, "IGE_ALERT_WEBHOOK_URL": desk})
        return terminal.type("watch", "--state", str(state)).exit_code

    with receiving() as desk:
        codes = [watch(GONE, desk.url), watch(GONE, desk.url)]
        half_an_hour_ago = (ago() - timedelta(minutes=31)).timestamp()
        os.utime(state, (half_an_hour_ago, half_an_hour_ago))
        codes += [watch(GONE, desk.url), watch(database_url, desk.url), watch(database_url, desk.url)]

    assert codes == [1, 1, 1, 0, 0]
    told = [body["alerts"][0]["sentence"] for _, body in desk.posts]
    assert told[0].startswith("Postgres at 127.0.0.1:9/app cannot be reached")
    assert told[1:] == [told[0], "The database can be used again."]


def test_where_nobody_is_to_be_told_it_is_refused(database_url: str) -> None:
    said = Terminal({"IGE_DATABASE_URL": database_url}).refused("watch")

    assert said == "IGE_ALERT_WEBHOOK_URL is not set: nobody would be told."


def test_it_needs_no_dagster() -> None:
    asked = "import sys, ige_pipeline.cli.watch; print('dagster' in sys.modules)"

    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", asked], check=True, capture_output=True, text=True
    )

    assert done.stdout == "False\n"
