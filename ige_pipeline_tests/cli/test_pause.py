"""`ige pause` and `ige resume`."""

import pytest

from ige_pipeline_tests.cli.terminal import Terminal
from ige_pipeline_tests.factories import Conn, fetch, make_contractor, one


@pytest.fixture
def terminal(database_url: str) -> Terminal:
    return Terminal({"IGE_DATABASE_URL": database_url})


def test_somebody_is_paused_for_a_while_and_resumed_and_both_are_recorded(terminal: Terminal, conn: Conn) -> None:
    ada = make_contractor(conn)

    paused = terminal.type("pause", str(ada), "--for", "30d", "--reason", "asked for it", answer="y\n")
    row = fetch(conn, "contractors", ada)
    resumed = terminal.type("resume", str(ada), "--reason", "they called")

    assert f"Contractor {ada} hears nothing until" in paused.stdout
    assert (row["ai_proactive_paused"], row["ai_pause_reason"]) == (True, "asked for it")
    assert row["ai_pause_until"] is not None
    assert "is lifted" in resumed.stdout
    assert fetch(conn, "contractors", ada)["ai_proactive_paused"] is False
    assert one(conn.execute("SELECT array_agg(action ORDER BY id) AS done FROM ige_audit"))["done"] == [
        "pause",
        "resume",
    ]
    assert "There is no contractor 999" in terminal.refused("pause", "999", "--reason", "x", "--yes")
    assert "either --until or --for" in terminal.refused(
        "pause", str(ada), "--for", "1h", "--until", "2099-01-01", "--reason", "x", "--yes"
    )
