"""A trigger can be looked at without consequences, and one that is wrong says where."""

from dataclasses import replace

import pytest

from ige_pipeline.postgres.connection import Connection
from ige_pipeline.settings import Settings
from ige_pipeline.triggers.inspect import problems, selected
from ige_pipeline.triggers.trigger import Trigger, chosen, load_all
from ige_pipeline_tests.factories import make_contractor, make_goal, make_item, one


@pytest.fixture
def trigger() -> Trigger:
    (found,) = chosen(["high_priority_goal"])
    return found


def test_whom_a_trigger_selects_is_shown_and_nothing_is_kept(conn: Connection, trigger: Trigger) -> None:
    contractor = make_contractor(conn)
    make_item(conn, make_goal(conn, contractor))

    rows = selected(conn, trigger, Settings())

    assert [row["contractor_id"] for row in rows] == [contractor]
    assert one(conn.execute("SELECT count(*) AS n FROM ige_decisions"))["n"] == 0
    assert one(conn.execute("SELECT count(*) AS n FROM ige_batches"))["n"] == 0


def test_every_trigger_that_we_ship_is_good(conn: Connection) -> None:
    assert {each.name: problems(conn, each, Settings()) for each in load_all()} == {
        each.name: [] for each in load_all()
    }


def test_wrong_sql_is_one_sentence_of_postgres(conn: Connection, trigger: Trigger) -> None:
    wrong = replace(trigger, selects="SELECT nothing FROM nowhere")

    assert problems(conn, wrong, Settings()) == ['relation "nowhere" does not exist']


def test_a_missing_column_is_named(conn: Connection, trigger: Trigger) -> None:
    wrong = replace(trigger, selects="SELECT id AS contractor_id FROM contractors")

    (problem,) = problems(conn, wrong, Settings())

    assert "subject_id" in problem


def test_a_setting_that_there_is_not_is_named(conn: Connection, trigger: Trigger) -> None:
    assert problems(conn, replace(trigger, at_most="thrice"), Settings()) == [
        "at_most names thrice, which is not a setting"
    ]
