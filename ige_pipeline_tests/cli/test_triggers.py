"""Looking at triggers by hand: what there is, whether each fits this database, and whom one selects."""

import pytest

from ige_pipeline.triggers.trigger import load_all
from ige_pipeline_tests.cli.people import make_due_contractor
from ige_pipeline_tests.cli.terminal import Terminal
from ige_pipeline_tests.factories import Conn


@pytest.fixture
def terminal(database_url: str) -> Terminal:
    return Terminal({"IGE_DATABASE_URL": database_url})


def test_all_of_them_are_listed_without_a_database() -> None:
    listed = Terminal().json("triggers", "list")

    assert [row["trigger"] for row in listed] == [trigger.name for trigger in load_all()]
    assert Terminal().type("triggers", "list").exit_code == 0


def test_each_fits_the_schema(terminal: Terminal) -> None:
    checked = terminal.type("triggers", "check")

    assert checked.exit_code == 0
    assert checked.stdout.splitlines() == [f"{trigger.name}: good" for trigger in load_all()]


def test_one_that_does_not_fit_is_told_with_1(terminal: Terminal, conn: Conn) -> None:
    conn.execute("ALTER TABLE ai_concierge_goals RENAME COLUMN data_gaps TO gaps")

    checked = terminal.type("triggers", "check", "data_gap")

    assert checked.exit_code == 1
    assert checked.stdout.startswith("data_gap: ")
    assert "data_gaps" in checked.stdout


def test_whom_one_selects_is_shown_and_not_kept(terminal: Terminal, conn: Conn) -> None:
    ada = make_due_contractor(conn)

    shown = terminal.json("triggers", "preview", "high_priority_goal")

    assert [row["contractor_id"] for row in shown] == [ada]
    assert "high_priority_goal: 1 now" in terminal.type("triggers", "preview", "high_priority_goal").stdout
    assert "selects nobody now" in terminal.type("triggers", "preview", "data_gap").stdout
    assert conn.execute("SELECT count(*) AS n FROM ige_batches").fetchone() == {"n": 0}


def test_while_adoption_is_pending_a_promise_says_why_it_selects_nobody(terminal: Terminal, conn: Conn) -> None:
    conn.execute("UPDATE ige_switches SET value = value || '{\"state\": \"pending\"}' WHERE name = 'adoption'")

    told = [terminal.type("triggers", "preview", name).stdout for name in ("follow_up_due", "data_gap")]

    assert "selects nobody now: promised messages wait until `ige adopt` was run." in told[0]
    assert "data_gap selects nobody now." in told[1]
