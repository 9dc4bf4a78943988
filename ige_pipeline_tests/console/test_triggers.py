"""Triggers over time, and what another threshold would change."""

import psycopg
import pytest
from psycopg.rows import dict_row

from ige_pipeline.console import figures, trial
from ige_pipeline.refusal import Refusal
from ige_pipeline_tests.cli.people import make_due_contractor
from ige_pipeline_tests.console.desks import Person, enter, make_desk
from ige_pipeline_tests.factories import Conn, ago, make_batch, make_contractor, make_decision, make_sent_message, one


def test_each_trigger_shows_its_yield_and_what_came_of_it(conn: Conn, viewer: Person) -> None:
    ada, batch = make_contractor(conn), make_batch(conn)
    for led_to_action, answered in ((True, "Yes"), (False, None), (False, "No"), (False, None)):
        message = make_sent_message(
            conn, ada, led_to_action=led_to_action, contractor_response=answered, response_received_at=None
        )
        make_decision(conn, batch, ada, verdict="scheduled", decided_at=ago(minutes=1), message_id=message)
    make_decision(conn, batch, ada)
    figures.count(conn)

    rows = figures.by_trigger(conn)["high_priority_goal"]

    counted = [(row["selected"], row["scheduled"], row["sent"], row["answered"], row["acted"]) for row in rows]
    assert counted == [(0, 0, 0, 0, 0)] * 13 + [(5, 4, 4, 2, 1)]
    assert "50.0%" in viewer.open("/triggers")
    page = viewer.open("/triggers/high_priority_goal")
    assert "25.0%" in page
    assert "<title>" + f"{ago():%Y-%m-%d}: 50% (2 of 4)" + "</title>" in page
    assert "<title>" + f"{ago():%Y-%m-%d}: 25% (1 of 4)" + "</title>" in page
    assert f"{ago(days=1):%Y-%m-%d}: none was sent" in page
    assert "about goals, priority 70" in page
    assert "high_priority_min_score" in page
    assert "What if?" not in page


def test_a_trigger_that_there_is_not_is_not_found(viewer: Person) -> None:
    viewer.open("/triggers/no_such_trigger", status=404)


def test_a_threshold_is_tried_without_consequences(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True, row_factory=dict_row) as own:
        make_due_contractor(own)
        operator = enter(make_desk(own, IGE_DATABASE_URL=database_url), "operator")

        operator.send("/what-if", setting="high_priority_min_score", value="10")

        page = operator.open("/what-if")
        assert "high_priority_min_score = 10" in page
        assert "<strong>1</strong> would be judged differently" in page
        assert one(own.execute("SELECT count(*) AS messages FROM ai_proactive_messages"))["messages"] == 0


def test_another_threshold_is_refused_before_anything_runs(operator: Person) -> None:
    answer = operator.send("/what-if", setting="min_trust_score", value="1000", status=409)

    assert "min_trust_score" in answer.text
    operator.send("/what-if", setting="sender_name", value="x", status=400)
    operator.send("/what-if", setting="min_trust_score", value="", status=400)


def test_one_trial_at_a_time_and_what_fails_says_so() -> None:
    trials = trial.Trials()
    begun = trials.begin("min_gap_hours", "24", by="ada")

    with pytest.raises(Refusal, match="ada is trying min_gap_hours"):
        trials.begin("cap_per_day", "1", by="bob")
    with pytest.raises(ZeroDivisionError):
        trials.run(begun, lambda: {"now": 1 // 0})

    assert trials.newest is not None
    assert trials.newest.refused == "It failed (ZeroDivisionError)."
    trials.run(trials.begin("cap_per_day", "1", by="bob"), lambda: {"changes": 0})
    assert trials.newest.found == {"changes": 0}
