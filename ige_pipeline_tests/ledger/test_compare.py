"""Two batches side by side: what was judged differently, how often, and a few examples of each kind."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from ige_pipeline.ledger.batch import Batch
from ige_pipeline.ledger.compare import differences
from ige_pipeline_tests.factories import Conn, ago, make_batch, make_decision


def judged(
    conn: Conn, batch: Batch, number: int, verdict: str, reasons: str = '[{"reason": "gap"}]', **more: Any
) -> None:
    decided: dict[str, Any] = {"verdict": verdict, "decided_at": ago(minutes=1), "decided_on": batch.decided_on}
    make_decision(conn, batch, number, dedupe_key=f"goal:{number}", reasons=reasons, **decided | more)


def test_of_each_kind_of_change_a_few_are_shown_and_all_are_counted_also_across_midnight(conn: Conn) -> None:
    today = make_batch(conn, dry_run=True)
    tomorrow = make_batch(conn, dry_run=True)
    tomorrow = replace(tomorrow, decided_on=tomorrow.decided_on + timedelta(days=1))
    conn.execute("SELECT ige_prepare_decisions(%s)", [tomorrow.decided_on])
    for number in range(1, 6):
        judged(conn, today, number, "scheduled")
        judged(conn, tomorrow, number, "blocked")
    judged(conn, today, 6, "blocked")
    judged(conn, tomorrow, 6, "blocked")
    judged(conn, tomorrow, 7, "scheduled")

    found = differences(conn, today, tomorrow, examples=2)

    assert [(row["contractor_id"], row["now"], row["then"], row["of_this_kind"]) for row in found] == [
        (1, "scheduled", "blocked", 5),
        (2, "scheduled", "blocked", 5),
        (7, "no candidate", "scheduled", 1),
    ]


def test_the_same_verdict_for_other_reasons_or_another_winner_is_a_change(conn: Conn) -> None:
    one, other = make_batch(conn, dry_run=True), make_batch(conn, dry_run=True)
    by = '[{"reason": "outranked", "observed": "%s (decision %s)"}]'
    judged(conn, one, 1, "blocked")
    judged(conn, other, 1, "blocked", '[{"reason": "cap_week"}, {"reason": "gap"}]')
    judged(conn, one, 2, "outranked", by % ("data_gap", 7))
    judged(conn, other, 2, "outranked", by % ("stalled_goal", 8))
    judged(conn, one, 3, "outranked", by % ("data_gap", 7))
    judged(conn, other, 3, "outranked", by % ("data_gap", 9))
    judged(conn, one, 4, "scheduled", '[{"reason": "quiet_hours"}]')
    judged(conn, other, 4, "scheduled", "[]")

    found = differences(conn, one, other, examples=2)

    assert {row["contractor_id"]: (row["now"], row["then"], row["reasons"][0]["reason"]) for row in found} == {
        1: ("blocked (gap)", "blocked (cap_week, gap)", "cap_week"),
        2: ("outranked (outranked: data_gap)", "outranked (outranked: stalled_goal)", "outranked"),
        4: ("scheduled (quiet_hours)", "scheduled", "quiet_hours"),
    }


def test_the_same_message_at_another_time_is_a_change(conn: Conn) -> None:
    one, other = make_batch(conn, dry_run=True), make_batch(conn, dry_run=True)
    asleep = '[{"reason": "quiet_hours"}]'
    eight, nine = (datetime(2026, 11, 24, hour, 0, 3, tzinfo=UTC) for hour in (8, 9))
    judged(conn, one, 1, "scheduled", asleep, not_before=eight)
    judged(conn, other, 1, "scheduled", asleep, not_before=nine)
    judged(conn, one, 2, "scheduled", asleep, not_before=eight)
    judged(conn, other, 2, "scheduled", asleep, not_before=eight + timedelta(seconds=9))
    judged(conn, one, 3, "blocked", not_before=eight)
    judged(conn, other, 3, "blocked", not_before=nine)
    judged(conn, one, 4, "scheduled", "[]")
    judged(conn, other, 4, "scheduled", "[]", not_before=nine)

    found = differences(conn, one, other, examples=2)

    assert {row["contractor_id"]: (row["now"], row["then"]) for row in found} == {
        1: ("scheduled, not before 2026-11-24 08:00 UTC", "scheduled, not before 2026-11-24 09:00 UTC"),
        4: ("scheduled, at once", "scheduled, not before 2026-11-24 09:00 UTC"),
    }
