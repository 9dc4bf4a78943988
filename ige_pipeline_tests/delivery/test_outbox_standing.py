"""Before and around the claims: what stops a run, what expires, what is held for adoption, the pace, the backlog."""

from datetime import timedelta
from typing import Any

import pytest

from ige_pipeline.delivery.outbox import _QUERIES, Standing, backlog, expire_stale, standing
from ige_pipeline.delivery.outcome import Delivered, Retry
from ige_pipeline.delivery.reply import Answered
from ige_pipeline.delivery.settlement import Sent
from ige_pipeline.doctor.checks import _QUERIES as CHECKS
from ige_pipeline.postgres.connection import Connection, connect
from ige_pipeline.settings import Settings
from ige_pipeline_tests.delivery.fakes import NOON, in_minutes
from ige_pipeline_tests.delivery.outboxes import (
    SENT,
    attempts,
    claim_all,
    claimed,
    message,
    outbox_on,
    settle,
    turn_switch,
    two_outboxes,
    waiting,
)
from ige_pipeline_tests.factories import ago, make_contractor, make_message, one


def expire(conn: Connection, *, adopted: bool = True) -> int:
    return expire_stale(conn, Settings(), run_id="run", adopted=adopted)


def test_a_new_database_lets_everything_go(conn: Connection) -> None:
    assert standing(conn) == Standing(adopted=True, stopped=False, stop_reason=None, other_sender=False)


def test_a_stop_is_seen_with_its_reason_and_so_is_its_end(conn: Connection) -> None:
    turn_switch(conn, "stop", '{"on": true}', "wrong texts")
    assert (standing(conn).stopped, standing(conn).stop_reason) == (True, "wrong texts")

    turn_switch(conn, "stop", '{"on": false}')
    assert not standing(conn).stopped


@pytest.mark.parametrize(
    ("over", "seen"),
    [
        ({"sent_at": ago(minutes=30)}, True),
        ({"sent_at": ago(minutes=61)}, False),
        # Ours tried it and failed, and then the old worker sent it.
        ({"sent_at": ago(minutes=5), "attempts": 1}, True),
        # Ours sent it, and its attempts are not kept any more.
        ({"sent_at": ago(minutes=5), "attempts": 1, "sent_by_us": True}, False),
        ({}, False),
    ],
)
def test_a_row_that_became_sent_without_our_lease_gives_the_old_worker_away(
    conn: Connection, over: dict[str, Any], *, seen: bool
) -> None:
    waiting(conn, **over)

    assert standing(conn).other_sender is seen


@pytest.mark.parametrize("zone", ["UTC", "America/Los_Angeles", "Pacific/Kiritimati"])
def test_the_old_worker_is_seen_whatever_zone_its_session_has(conn: Connection, database_url: str, zone: str) -> None:
    message_id = waiting(conn)
    with connect(database_url) as theirs:
        theirs.execute("SELECT set_config('TimeZone', %s, false)", [zone])
        theirs.execute("UPDATE ai_proactive_messages SET sent_at = NOW() WHERE id = %s", [message_id])

    assert standing(conn).other_sender
    assert one(conn.execute(CHECKS["sent_by_others"]))["messages"] == 1

    conn.execute("UPDATE ai_proactive_messages SET sent_by_others_at = now() - interval '61 minutes', "
                 "sent_at = sent_at - interval '61 minutes'")  # fmt: skip

    assert not standing(conn).other_sender


def test_what_a_run_of_ours_sent_gives_nobody_away(conn: Connection, database_url: str) -> None:
    waiting(conn)
    failed = waiting(conn, priority=1)
    with outbox_on(database_url) as outbox:
        settle(outbox, claimed(outbox), Delivered(), SENT)
        settle(outbox, claimed(outbox), Retry(timedelta(0), "http_500"), Sent(NOON, 1, Answered(500)))
    assert not standing(conn).other_sender

    conn.execute("UPDATE ai_proactive_messages SET sent_at = now() WHERE id = %s", [failed])

    assert standing(conn).other_sender


def test_what_a_version_of_ours_sent_that_did_not_mark_it_yet_gives_nobody_away(conn: Connection) -> None:
    message_id = waiting(conn, sent_at=ago(minutes=5), attempts=1)
    conn.execute(
        "INSERT INTO ige_delivery_attempts (message_id, run_id, attempt, lease_token, claimed_at, posted_at, outcome, "
        "reasons) VALUES (%s, 'run', 1, gen_random_uuid(), now(), now(), 'Delivered', '[]')",
        [message_id],
    )

    assert not standing(conn).other_sender


def test_that_look_costs_the_same_however_many_messages_we_sent(conn: Connection) -> None:
    conn.execute(
        "INSERT INTO ai_proactive_messages (contractor_id, message_type, message_content, sent_at, sent_by_us) "
        "SELECT 1, 'check_in', 'Hi', now() - interval '1 minute' * (n % 50), true FROM generate_series(1, 20000) n"
    )
    conn.execute("ANALYZE ai_proactive_messages")

    (row,) = conn.execute("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + _QUERIES["standing"]).fetchall()

    plan = str(row)
    assert "ige_sent_by_others" in plan
    assert "'Seq Scan', 'Parent Relationship': 'Outer'" not in plan
    assert row["QUERY PLAN"][0]["Plan"]["Shared Hit Blocks"] < 30, "Twenty thousand that we sent are not looked at."


@pytest.mark.parametrize(
    ("over", "ends"),
    [
        ({"created_at": ago(hours=25)}, True),
        ({"created_at": ago(hours=23)}, False),
        ({"created_at": ago(hours=25), "expires_at": in_minutes(600)}, False),
        ({"created_at": ago(hours=1), "expires_at": ago(seconds=1)}, True),
        ({"created_at": None, "updated_at": ago(hours=1)}, False),
        ({"created_at": None, "updated_at": None}, True),
        ({"created_at": ago(hours=25), "sent_at": ago(hours=20)}, False),
        ({"created_at": ago(hours=25), "dead_at": ago(hours=1), "dead_reason": "x"}, False),
    ],
)
def test_what_did_not_leave_in_time_ends_with_its_reason(conn: Connection, over: dict[str, Any], *, ends: bool) -> None:
    message_id = waiting(conn, **over)

    assert expire(conn) == int(ends)

    assert (message(conn, message_id)["expired_at"] is not None) is ends
    assert [each["outcome"] for each in attempts(conn, message_id)] == ["Expired"] * ends


def test_what_is_being_sent_does_not_expire_under_the_senders_hands(conn: Connection, database_url: str) -> None:
    waiting(conn, expires_at=in_minutes(1))

    with outbox_on(database_url) as outbox:
        claimed(outbox)
        conn.execute("UPDATE ai_proactive_messages SET expires_at = now() - interval '1 second'")

        assert expire(conn) == 0


def test_an_expiry_says_what_kept_the_message_waiting(conn: Connection) -> None:
    message_id = waiting(conn, expires_at=ago(minutes=1), last_error="http_503")

    expire(conn)

    (attempt,) = attempts(conn, message_id)
    assert attempt["reasons"] == [{"reason": "stale", "observed": "http_503", "limit": "expires_at"}]


def test_rows_from_before_us_are_neither_sent_nor_ended_until_they_are_adopted(
    conn: Connection, database_url: str
) -> None:
    theirs = waiting(conn)
    stale = waiting(conn, created_at=ago(days=90))
    ours = waiting(conn, trigger_name="high_priority_goal")

    assert expire(conn, adopted=False) == 0
    with outbox_on(database_url, adopted=False) as outbox:
        assert claim_all(outbox) == [ours]
    assert backlog(conn, adopted=False)["held_for_adoption"] == 2

    assert expire(conn, adopted=True) == 1
    with outbox_on(database_url, adopted=True) as outbox:
        assert claim_all(outbox) == [theirs]
    assert message(conn, stale)["expired_at"] is not None


def test_the_pace_is_kept_from_start_to_start_and_shared_by_all_runs(database_url: str) -> None:
    with two_outboxes(database_url) as (one, two), outbox_on(database_url, endpoint="host:2") as other:
        waits = [one.reserve_pace(), two.reserve_pace(2), one.reserve_pace(), two.reserve_pace()]
        elsewhere = other.reserve_pace()

    assert waits == pytest.approx([0, 2, 6, 8], abs=0.5)
    assert elsewhere == 0


def test_after_a_rest_the_pace_allows_one_at_once_and_no_burst(conn: Connection, database_url: str) -> None:
    with outbox_on(database_url, messages_per_second=10) as outbox:
        outbox.reserve_pace()
        conn.execute("UPDATE ige_pace SET next_at = now() - interval '1 hour'")

        assert outbox.reserve_pace() == 0
        assert outbox.reserve_pace() != 0


def test_the_backlog_tells_due_from_waiting_from_leased(conn: Connection, database_url: str) -> None:
    waiting(conn, priority=90)
    waiting(conn, created_at=ago(hours=2))
    waiting(conn, next_attempt_at=in_minutes(5))
    waiting(conn, not_before=in_minutes(5))
    waiting(conn, dead_at=ago(minutes=1), dead_reason="http_400")

    with outbox_on(database_url) as outbox:
        claimed(outbox)
        now = backlog(conn, adopted=True)

    assert timedelta(minutes=now.pop("oldest_minutes")) > timedelta(minutes=119)
    assert now == {"unsent": 4, "due": 1, "leased": 1, "waiting": 2, "held_for_adoption": 0}


def test_a_moment_from_before_the_clock_was_set_back_is_waited_for_no_longer_than_any_run_would(
    conn: Connection, database_url: str
) -> None:
    with outbox_on(database_url) as outbox:
        outbox.reserve_pace()
        conn.execute("UPDATE ige_pace SET next_at = now() + interval '1 hour'")

        assert (outbox.reserve_pace() or 0) <= 60 + 10 / 0.5


def test_a_row_that_says_it_will_be_sent_in_years_gives_nobody_away(conn: Connection) -> None:
    make_message(conn, make_contractor(conn), sent_at="2099-01-01")

    assert not standing(conn).other_sender
