"""What Prometheus reads: its own parser reads it, and names are those of the checks."""

from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette
from starlette.testclient import TestClient

from ige_pipeline.delivery.alert import raise_alert
from ige_pipeline.postgres.connection import Connection, open_pool
from ige_pipeline.serve import metrics as route
from ige_pipeline.settings import Settings
from ige_pipeline.watch.judge import CHECKS
from ige_pipeline.watch.metrics import CONTENT_TYPE, Gauge, metrics, written
from ige_pipeline_tests.cli.terminal import Terminal
from ige_pipeline_tests.delivery.outboxes import waiting
from ige_pipeline_tests.factories import ago, make_batch

FAST = Settings(messages_per_second=1000)  # the terminal's pace


def parsed(text: str) -> dict[str, dict[tuple[str, ...], float]]:
    """Return {metric: {values of its labels: value}}, as Prometheus' own parser reads it."""
    families = list(text_string_to_metric_families(text))
    assert all(family.documentation and family.type == "gauge" for family in families)
    return {
        family.name: {tuple(sample.labels.values()): sample.value for sample in family.samples} for family in families
    }


def test_figures_and_checks_are_read_by_prometheus_own_parser(conn: Connection) -> None:
    waiting(conn, created_at=ago(hours=3))
    raise_alert(conn, kind="check", about="oldest_due", sentence="It is late.")
    batch = make_batch(conn, triggers=["high_priority_goal"])
    counts = '{"blocked": 2, "scheduled": 3}'
    conn.execute("UPDATE ige_batches SET closed_at = now(), counts = %s WHERE id = %s", [counts, batch.id])

    found = parsed(metrics(conn, Settings()))

    assert set(found["ige_check_passed"]) == {(check.name,) for check in CHECKS}
    assert found["ige_check_passed"]["oldest_due",] == 0
    assert found["ige_check_value"]["oldest_due",] == pytest.approx(180, abs=1)
    assert found["ige_check_limit"]["oldest_due",] == 120
    assert found["ige_outbox_messages"]["due",] == 1
    assert found["ige_outbox_unsent"][()] == 1
    assert found["ige_alerts_open"][()] == found["ige_alerts_untold"][()] == 1
    assert found["ige_last_batch_decisions"] == {("blocked",): 2, ("scheduled",): 3}
    assert found["ige_pace_per_hour"][()] == pytest.approx(0.5 * 3600)


def test_a_batch_of_promised_triggers_alone_is_not_taken_for_the_last_one(conn: Connection) -> None:
    closed = "UPDATE ige_batches SET closed_at = %s, counts = %s WHERE id = %s"
    whole = make_batch(conn, triggers=["follow_up_due", "high_priority_goal"])
    conn.execute(closed, [ago(minutes=20), '{"scheduled": 40}', whole.id])
    for minutes in (10, 5):
        promised = make_batch(conn, triggers=["event_message_due", "follow_up_due"])
        conn.execute(closed, [ago(minutes=minutes), '{"scheduled": 1}', promised.id])

    found = parsed(metrics(conn, Settings()))

    assert found["ige_last_batch_decisions"] == {("scheduled",): 40}
    assert found["ige_last_batch_timestamp_seconds"][()] == pytest.approx(ago(minutes=20).timestamp(), abs=5)


def test_a_label_may_hold_any_character() -> None:
    said = 'say "no"\\\n'

    assert parsed(written([Gauge("a", "About.", "of", {said: 1})])) == {"a": {(said,): 1}}


def test_the_same_is_printed_written_whole_into_a_file_and_served(
    conn: Connection, database_url: str, tmp_path: Path
) -> None:
    assert conn.execute("SELECT 1").fetchone()
    terminal = Terminal({"IGE_DATABASE_URL": database_url})

    printed = terminal.type("metrics").stdout
    terminal.type("metrics", "--write", str(tmp_path / "ige.prom"))
    with (
        open_pool(database_url, size=1) as pool,
        TestClient(Starlette(routes=route.routes(pool, lambda: FAST))) as client,
    ):
        served = client.get("/metrics")

    assert [file.name for file in tmp_path.iterdir()] == ["ige.prom"]
    assert (tmp_path / "ige.prom").read_text() == printed == served.text
    assert served.headers["content-type"] == CONTENT_TYPE
    assert "cannot be written" in terminal.refused("metrics", "--write", str(tmp_path / "missing" / "ige.prom"))


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_gets_what_it_needs_to_complete_ige(shell: str) -> None:
    said = Terminal().type("completion", shell)

    assert said.exit_code == 0
    assert f"_IGE_COMPLETE={shell}_complete" in said.stdout
