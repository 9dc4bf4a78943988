"""From the ledger into the outbox: once, whole, and never twice, however batches overlap."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg.rows import DictRow

from ige_pipeline.delivery.schedule import preview, schedule_messages
from ige_pipeline.ledger.batch import Batch
from ige_pipeline.ledger.sentence import of_reason
from ige_pipeline.postgres.connection import connect
from ige_pipeline.safeguards.phonebook import look_up
from ige_pipeline.settings import Settings
from ige_pipeline_tests.factories import (
    ago,
    fetch,
    make_batch,
    make_contractor,
    make_decision,
    make_message,
    make_reviewed_decision,
    make_sent_message,
    one,
)
from ige_pipeline_tests.postgres.asking import until_there_is

Conn = psycopg.Connection[DictRow]

SOMEBODY_WAITS = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


@pytest.fixture
def conn(shared_conn: Conn) -> Iterator[Conn]:
    with shared_conn.transaction(force_rollback=True):
        yield shared_conn


def outbox(conn: Conn) -> list[DictRow]:
    return conn.execute("SELECT * FROM ai_proactive_messages WHERE sent_at IS NULL ORDER BY id").fetchall()


def scheduled(conn: Conn, batch: Batch, **thresholds: Any) -> list[DictRow]:
    schedule_messages(conn, batch, Settings(**thresholds))
    return outbox(conn)


def verdict_of(conn: Conn, decision: int) -> str | None:
    verdict = fetch(conn, "ige_decisions", decision)["verdict"]
    assert verdict is None or isinstance(verdict, str)
    return verdict


def test_a_checked_text_goes_into_the_outbox_with_all_that_explains_it(conn: Conn) -> None:
    batch, contractor = make_batch(conn), make_contractor(conn)
    decision = make_reviewed_decision(conn, batch, contractor, subject_id=17, dedupe_key="once", priority=70)

    (message,) = scheduled(conn, batch)

    assert (message["contractor_id"], message["message_type"], message["sent_at"]) == (contractor, "check_in", None)
    assert message["message_content"] == fetch(conn, "ige_decisions", decision)["draft"]
    assert (message["trigger_name"], message["subject_id"], message["dedupe_key"]) == ("high_priority_goal", 17, "once")
    assert (message["decision_id"], message["priority"], message["attempts"]) == (decision, 70, 0)
    assert message["idempotency_key"] is not None
    assert message["context_data"]["goal_id"] == 17


def test_the_decision_names_its_message(conn: Conn) -> None:
    batch = make_batch(conn)
    decision = make_reviewed_decision(conn, batch, make_contractor(conn))

    (message,) = scheduled(conn, batch)

    row = fetch(conn, "ige_decisions", decision)
    assert (row["verdict"], row["message_id"]) == ("scheduled", message["id"])


def test_what_was_not_reviewed_or_already_decided_stays_out(conn: Conn) -> None:
    batch = make_batch(conn)
    undecided = make_decision(conn, batch, make_contractor(conn))
    blocked = {"verdict": "blocked", "decided_at": ago(minutes=1), "reasons": '[{"reason": "gap"}]'}
    make_reviewed_decision(conn, batch, make_contractor(conn), **blocked)

    assert scheduled(conn, batch) == []
    assert verdict_of(conn, undecided) == "failed"


def test_a_message_expires_a_day_after_its_batch(conn: Conn) -> None:
    batch = make_batch(conn, as_of=ago(hours=2))
    make_reviewed_decision(conn, batch, make_contractor(conn))

    (message,) = scheduled(conn, batch)

    assert (message["not_before"], message["expires_at"]) == (None, batch.as_of + timedelta(hours=24))


def test_a_message_that_waits_for_morning_expires_a_day_after_it(conn: Conn) -> None:
    batch, morning = make_batch(conn), datetime.now(UTC) + timedelta(hours=9)
    make_reviewed_decision(conn, batch, make_contractor(conn), not_before=morning)

    (message,) = scheduled(conn, batch)

    assert (message["not_before"], message["expires_at"]) == (morning, morning + timedelta(hours=24))


def test_a_moment_before_as_of_does_not_shorten_a_message_s_life(conn: Conn) -> None:
    batch = make_batch(conn)
    make_reviewed_decision(conn, batch, make_contractor(conn), not_before=batch.as_of - timedelta(hours=9))

    (message,) = scheduled(conn, batch)

    assert message["expires_at"] == batch.as_of + timedelta(hours=24)


def test_a_backfill_of_an_old_hour_explains_and_sends_nothing(conn: Conn) -> None:
    batch = make_batch(conn, as_of=ago(hours=25))
    decision = make_reviewed_decision(conn, batch, make_contractor(conn))

    assert scheduled(conn, batch) == []
    row = fetch(conn, "ige_decisions", decision)
    assert row["verdict"] == "expired"
    assert [(reason["reason"], reason["limit"]) for reason in row["reasons"]] == [("stale", 24)]


def test_an_hour_expires_at_exactly_its_end(conn: Conn) -> None:
    now = one(conn.execute("SELECT now() AS moment"))["moment"]
    ended, not_yet = (
        make_batch(conn, as_of=now - timedelta(hours=24)),
        make_batch(conn, as_of=now - timedelta(hours=24) + timedelta(microseconds=1)),
    )
    make_reviewed_decision(conn, ended, make_contractor(conn))
    decision = make_reviewed_decision(conn, not_yet, make_contractor(conn))

    scheduled(conn, ended)
    (message,) = scheduled(conn, not_yet)

    assert message["decision_id"] == decision


def test_a_dry_run_says_what_it_would_and_leaves_the_outbox_alone(conn: Conn) -> None:
    batch = make_batch(conn, dry_run=True)
    decision = make_reviewed_decision(conn, batch, make_contractor(conn))

    assert schedule_messages(conn, batch, Settings()) == 1
    assert outbox(conn) == []
    row = fetch(conn, "ige_decisions", decision)
    assert (row["verdict"], row["message_id"]) == ("scheduled", None)


def test_scheduling_again_adds_nothing(conn: Conn) -> None:
    batch = make_batch(conn)
    make_reviewed_decision(conn, batch, make_contractor(conn))
    first = scheduled(conn, batch)

    assert schedule_messages(conn, batch, Settings()) == 0
    assert outbox(conn) == first


def test_who_has_a_message_waiting_gets_no_second_one(conn: Conn) -> None:
    batch, contractor = make_batch(conn), make_contractor(conn)
    waiting = make_message(conn, contractor)
    decision = make_reviewed_decision(conn, batch, contractor)

    assert [message["id"] for message in scheduled(conn, batch)] == [waiting]
    row = fetch(conn, "ige_decisions", decision)
    assert (row["verdict"], [reason["reason"] for reason in row["reasons"]]) == ("blocked", ["contacted_meanwhile"])


@pytest.mark.parametrize(("hours", "goes"), [(47.9, False), (48.1, True)])
def test_who_was_written_to_within_the_gap_meanwhile_gets_nothing(
    conn: Conn,
    hours: float,
    goes: bool,  # noqa: FBT001 - both sides of the edge
) -> None:
    batch, contractor = make_batch(conn), make_contractor(conn)
    make_sent_message(conn, contractor, sent_at=ago(hours=hours))
    decision = make_reviewed_decision(conn, batch, contractor)

    scheduled(conn, batch)

    assert verdict_of(conn, decision) == ("scheduled" if goes else "blocked")


def test_a_promised_message_goes_although_another_waits(conn: Conn) -> None:
    batch, contractor = make_batch(conn), make_contractor(conn)
    make_message(conn, contractor)
    promised = {"promised": True, "due_at": ago(minutes=1), "source_message_type": "reminder"}
    decision = make_reviewed_decision(conn, batch, contractor, **promised)

    scheduled(conn, batch)

    assert verdict_of(conn, decision) == "scheduled"


@pytest.mark.parametrize(
    "ending",
    [
        {"dead_at": ago(hours=1), "dead_reason": "no_phone"},
        {"cancelled_at": ago(hours=1), "cancel_reason": "reply"},
        {"expired_at": ago(hours=1)},
    ],
)
def test_a_message_that_never_arrived_gives_its_occurrence_back(conn: Conn, ending: dict[str, Any]) -> None:
    batch, contractor = make_batch(conn), make_contractor(conn)
    make_message(conn, contractor, trigger_name="high_priority_goal", dedupe_key="once", **ending)
    decision = make_reviewed_decision(conn, batch, contractor, dedupe_key="once")

    scheduled(conn, batch)

    assert verdict_of(conn, decision) == "scheduled"


def test_an_occurrence_that_was_written_about_is_not_written_about_again(conn: Conn) -> None:
    batch, contractor = make_batch(conn), make_contractor(conn)
    make_sent_message(conn, contractor, trigger_name="high_priority_goal", dedupe_key="once")
    decision = make_reviewed_decision(conn, batch, contractor, dedupe_key="once")

    assert scheduled(conn, batch) == []
    assert verdict_of(conn, decision) == "blocked"


def reasons_of(conn: Conn, decision: int) -> list[tuple[str, Any]]:
    return [(each["reason"], each["observed"]) for each in fetch(conn, "ige_decisions", decision)["reasons"]]


def test_no_decision_stays_open_behind_a_batch_and_each_says_what_came_between(conn: Conn) -> None:
    batch, (ada, bob, cyn, dan) = make_batch(conn), (make_contractor(conn) for _ in range(4))
    key = {"trigger_name": "follow_up_due", "dedupe_key": "follow_up_due:7"}
    rival = make_message(conn, ada, **key)
    promised = make_reviewed_decision(conn, batch, ada, promised=True, due_at=ago(hours=1), **key)
    gone = make_reviewed_decision(conn, batch, bob)
    conn.execute("DELETE FROM contractors WHERE id = %s", [bob])
    unread = make_decision(conn, batch, cyn, screened_at=ago(minutes=1), draft="Hi Cyn, how did the call go?")
    unasked = make_decision(conn, batch, dan)

    assert [row["id"] for row in scheduled(conn, batch)] == [rival]

    assert reasons_of(conn, promised) == [("already_written", f"message {rival}")]
    assert reasons_of(conn, gone) == [("unknown_contractor", None)]
    assert reasons_of(conn, unread) == [("unevaluated", "content")]
    assert reasons_of(conn, unasked) == [("unevaluated", "recipient")]
    assert one(conn.execute("SELECT count(*) AS open FROM ige_decisions WHERE verdict IS NULL"))["open"] == 0
    assert of_reason({"reason": "already_written", "observed": "message 7"}).endswith("already (message 7)")


def test_a_foreign_key_of_the_application_does_not_let_one_who_is_gone_undo_the_batch(conn: Conn) -> None:
    batch, ada, bob = make_batch(conn), make_contractor(conn), make_contractor(conn)
    conn.execute("ALTER TABLE ai_proactive_messages ADD FOREIGN KEY (contractor_id) REFERENCES contractors (id)")
    make_reviewed_decision(conn, batch, ada)
    make_reviewed_decision(conn, batch, bob)
    conn.execute("DELETE FROM contractors WHERE id = %s", [bob])

    assert [row["contractor_id"] for row in scheduled(conn, batch)] == [ada]


def test_a_preview_shows_no_text_and_of_a_number_its_end(conn: Conn) -> None:
    batch = make_batch(conn)
    make_reviewed_decision(conn, batch, make_contractor(conn))
    scheduled(conn, batch)

    (row,) = preview(conn, batch)

    assert set(row) == {
        "message_id",
        "contractor_id",
        "trigger_name",
        "message_type",
        "draft_source",
        "characters",
        "not_before",
        "phone",
    }
    assert len(row["phone"]) == len("…0123")


@contextmanager
def scheduling_in_another_thread(url: str, batch: Batch) -> Iterator[list[int]]:
    """Schedule a batch elsewhere while the block runs; afterwards the list holds how many that were."""
    counts: list[int] = []

    def run() -> None:
        with connect(url) as other:
            counts.append(schedule_messages(other, batch, Settings()))

    thread = threading.Thread(target=run)
    thread.start()
    yield counts
    thread.join(timeout=60)


def test_overlapping_batches_for_the_same_occurrence_schedule_it_once(database_url: str) -> None:
    with connect(database_url) as conn, connect(database_url) as eye:
        contractor = make_contractor(conn)
        mine, theirs = make_batch(conn), make_batch(conn)
        for batch in (mine, theirs):
            make_reviewed_decision(conn, batch, contractor, dedupe_key="once")

        conn.execute("BEGIN")
        assert schedule_messages(conn, mine, Settings()) == 1
        with scheduling_in_another_thread(database_url, theirs) as counts:
            until_there_is(eye, SOMEBODY_WAITS)
            conn.execute("COMMIT")

        assert counts == [0]
        assert len(outbox(conn)) == 1


def test_two_triggers_of_overlapping_batches_send_a_contractor_one_message(database_url: str) -> None:
    with connect(database_url) as conn, connect(database_url) as eye:
        contractor = make_contractor(conn)
        mine, theirs = make_batch(conn), make_batch(conn)
        make_reviewed_decision(conn, mine, contractor, trigger_name="stalled_goal")
        late = make_reviewed_decision(conn, theirs, contractor, trigger_name="milestone_achieved", priority=80)

        conn.execute("BEGIN")
        schedule_messages(conn, mine, Settings())
        with scheduling_in_another_thread(database_url, theirs) as counts:
            until_there_is(eye, SOMEBODY_WAITS)
            conn.execute("COMMIT")

        assert counts == [0]
        assert [message["trigger_name"] for message in outbox(conn)] == ["stalled_goal"]
        assert verdict_of(conn, late) == "blocked"


def test_a_batch_that_is_scheduled_many_times_at_once_is_scheduled_once(database_url: str) -> None:
    with connect(database_url) as conn:
        batch = make_batch(conn)
        decisions = [make_reviewed_decision(conn, batch, make_contractor(conn)) for _ in range(5)]
        together, counts = threading.Barrier(4), list[int]()

        def run() -> None:
            with connect(database_url) as other:
                together.wait(timeout=30)
                counts.append(schedule_messages(other, batch, Settings()))

        threads = [threading.Thread(target=run) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)

        assert sorted(counts) == [0, 0, 0, 5]
        assert sorted(message["decision_id"] for message in outbox(conn)) == decisions


def test_of_two_candidates_of_one_contractor_that_were_both_let_through_the_more_important_goes(conn: Conn) -> None:
    batch, contractor = make_batch(conn), make_contractor(conn)
    less = make_reviewed_decision(conn, batch, contractor, priority=50, urgency=9)
    more = make_reviewed_decision(conn, batch, contractor, priority=70)

    (message,) = scheduled(conn, batch)

    assert message["decision_id"] == more
    row = fetch(conn, "ige_decisions", less)
    assert (row["verdict"], [reason["reason"] for reason in row["reasons"]]) == ("outranked", ["outranked"])
    assert row["reasons"][0]["observed"] == f"high_priority_goal (decision {more})"


def test_a_candidate_that_a_repeated_run_added_comes_after_what_was_scheduled(conn: Conn) -> None:
    batch, contractor = make_batch(conn), make_contractor(conn)
    make_reviewed_decision(conn, batch, contractor, priority=50)
    (first,) = scheduled(conn, batch)
    late = make_reviewed_decision(conn, batch, contractor, priority=99)

    assert scheduled(conn, batch) == [first]
    assert verdict_of(conn, late) == "outranked"


@pytest.mark.parametrize("spelling", ["+12125550177", "(212) 555-0177"])
def test_two_contractors_with_one_number_do_not_both_get_a_message_of_one_batch(conn: Conn, spelling: str) -> None:
    batch = make_batch(conn)
    one_of_them, other = make_contractor(conn, phone="+12125550177"), make_contractor(conn, phone=spelling)
    look_up(conn, [one_of_them, other], region="US")
    less = make_reviewed_decision(conn, batch, one_of_them, priority=50)
    more = make_reviewed_decision(conn, batch, other, priority=70)

    (message,) = scheduled(conn, batch)

    assert message["decision_id"] == more
    row = fetch(conn, "ige_decisions", less)
    assert row["verdict"] == "outranked"
    assert [of_reason(reason) for reason in row["reasons"]] == [
        f"another contractor with the same number gets high_priority_goal (decision {more})"
    ]
    assert "0177" not in str(row["reasons"])


def test_a_dry_run_lets_one_of_them_win_too(conn: Conn) -> None:
    batch = make_batch(conn, dry_run=True)
    both = [make_contractor(conn, phone="+12125550178") for _ in range(2)]
    look_up(conn, both, region="US")
    decisions = [make_reviewed_decision(conn, batch, each) for each in both]

    assert schedule_messages(conn, batch, Settings()) == 1
    assert [verdict_of(conn, decision) for decision in decisions] == ["scheduled", "outranked"]


def test_what_was_promised_to_two_with_one_number_goes_to_both(conn: Conn) -> None:
    batch = make_batch(conn)
    both = [make_contractor(conn, phone="+12125550179") for _ in range(2)]
    look_up(conn, both, region="US")
    for each in both:
        make_reviewed_decision(conn, batch, each, promised=True, due_at=ago(minutes=1))

    assert len(scheduled(conn, batch)) == 2


def test_contractors_without_a_number_that_we_know_are_each_their_own(conn: Conn) -> None:
    batch = make_batch(conn)
    for phone in ("555-0123", "555-0123", None, None):
        make_reviewed_decision(conn, batch, make_contractor(conn, phone=phone))

    assert len(scheduled(conn, batch)) == 4
