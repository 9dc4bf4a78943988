"""Follow-ups and event messages, from their own tables to the text that left and back."""

from datetime import timedelta
from typing import Any

import pytest

from ige_pipeline.by_hand import schedule_batch
from ige_pipeline.delivery.deliver import deliver
from ige_pipeline.delivery.due import due_promises
from ige_pipeline.delivery.outbox import expire_stale
from ige_pipeline.delivery.tally import DeliveryReport
from ige_pipeline.environment import Environment
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.refusal import Refusal
from ige_pipeline.settings import Settings
from ige_pipeline_tests.delivery.fakes import ACCEPTED, FakeEndpoint, awake
from ige_pipeline_tests.delivery.outboxes import claimed, outbox_on
from ige_pipeline_tests.factories import ago, fetch, insert, make_contractor, make_sent_message, one

SETTINGS = Settings(messages_per_second=1000)


@pytest.fixture
def contractor(conn: Connection) -> int:
    return make_contractor(conn, first_name="Maria", timezone=awake())


def make_follow_up(conn: Connection, contractor_id: int | None, **over: Any) -> int:
    row = {
        "contractor_id": contractor_id,
        "scheduled_time": ago(minutes=5),
        "followup_type": "reminder",
        "message_template": "Hi {firstName}, this is the reminder that you asked for.",
        "status": "scheduled",
    }
    return insert(conn, "contractor_followup_schedules", row | over)


def make_event_message(conn: Connection, contractor_id: int | None, **over: Any) -> int:
    event = insert(conn, "events", {"name": "Spring Meetup", "date": ago(days=-1)})
    row = {
        "event_id": event,
        "contractor_id": contractor_id,
        "message_type": "event_reminder",
        "scheduled_time": ago(minutes=5),
        "message_content": "Hi {firstName}, {name} is tomorrow. Please provide your badge at the door!",
        "status": "scheduled",
        "channel": "sms",
        "direction": "outbound",
    }
    return insert(conn, "event_messages", row | over)


def make_action_item(conn: Connection, contractor_id: int, **over: Any) -> int:
    row = {"contractor_id": contractor_id, "title": "renew the licence", "status": "pending"}
    return insert(conn, "contractor_action_items", row | over)


def decide(url: str, **over: Any) -> dict[str, int]:
    _, closed = schedule_batch(
        Environment({"IGE_DATABASE_URL": url, "N8N_OUTBOUND_WEBHOOK_URL": "http://127.0.0.1:1/x"}),
        settings=SETTINGS.model_copy(update=over),
    )
    return dict(closed["counts"])


def send(conn: Connection) -> tuple[DeliveryReport, FakeEndpoint]:
    endpoint = FakeEndpoint(*[ACCEPTED] * 20)
    return deliver(conn, endpoint, SETTINGS, run_id="run"), endpoint


def decision(conn: Connection) -> dict[str, Any]:
    return one(conn.execute("SELECT * FROM ige_decisions"))


def test_a_follow_up_goes_out_in_its_own_words_and_says_that_it_was_sent(
    conn: Connection, database_url: str, contractor: int
) -> None:
    follow_up = make_follow_up(conn, contractor)

    assert decide(database_url) == {"scheduled": 1}
    report, _ = send(conn)

    message = one(conn.execute("SELECT * FROM ai_proactive_messages"))
    row = fetch(conn, "contractor_followup_schedules", follow_up)
    assert report.counts == {"Delivered": 1}
    assert message["message_content"] == ("Hi Maria, this is the reminder that you asked for. Reply STOP to opt out")
    assert (message["message_type"], message["source_message_type"]) == ("milestone_follow_up", "reminder")
    assert (row["status"], row["sent_by"], row["sent_at"]) == ("sent", "ige_pipeline", message["sent_at"])
    assert decide(database_url) == {}


def test_a_recurring_follow_up_is_given_its_next_time_once(
    conn: Connection, database_url: str, contractor: int
) -> None:
    planned = ago(hours=3)
    follow_up = make_follow_up(conn, contractor, is_recurring=True, recurrence_interval_days=7, scheduled_time=planned)

    decide(database_url)
    send(conn)
    send(conn)

    row = fetch(conn, "contractor_followup_schedules", follow_up)
    following = fetch(conn, "contractor_followup_schedules", row["next_occurrence_id"])
    assert following["scheduled_time"] == row["scheduled_time"] + timedelta(days=7)
    assert (following["status"], following["is_recurring"]) == ("scheduled", True)
    assert one(conn.execute("SELECT count(*) AS n FROM contractor_followup_schedules"))["n"] == 2


def test_a_series_goes_on_after_an_occurrence_that_came_too_late(
    conn: Connection, database_url: str, contractor: int
) -> None:
    late = make_follow_up(conn, contractor, is_recurring=True, recurrence_interval_days=7, scheduled_time=ago(hours=30))

    assert decide(database_url) == {"expired": 1}

    row = fetch(conn, "contractor_followup_schedules", late)
    following = fetch(conn, "contractor_followup_schedules", row["next_occurrence_id"])
    assert row["status"] == "cancelled"
    assert following["scheduled_time"] == row["scheduled_time"] + timedelta(days=7)


def test_an_interval_that_nobody_can_mean_stops_neither_this_text_nor_the_next_run(
    conn: Connection, database_url: str, contractor: int
) -> None:
    odd = make_follow_up(conn, contractor, is_recurring=True, recurrence_interval_days=2_000_000_000)
    decide(database_url)

    assert send(conn)[0].counts == {"Delivered": 1}

    assert fetch(conn, "contractor_followup_schedules", odd)["status"] == "sent"
    assert expire_stale(conn, SETTINGS, run_id="run", adopted=True) == 0


def test_what_another_table_refuses_stops_nobody(conn: Connection, database_url: str, contractor: int) -> None:
    make_follow_up(conn, contractor)
    decide(database_url)
    conn.execute("ALTER TABLE contractor_followup_schedules ADD CONSTRAINT odd CHECK (status <> 'sent')")

    assert send(conn)[0].counts == {"Delivered": 1}
    assert expire_stale(conn, SETTINGS, run_id="run", adopted=True) == 0


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE contractor_followup_schedules SET scheduled_time = scheduled_time + interval '5 days'",
        "UPDATE contractor_followup_schedules SET status = 'cancelled'",
        "DELETE FROM contractor_followup_schedules",
    ],
)
def test_a_follow_up_that_was_moved_or_taken_off_the_plan_is_not_sent(
    conn: Connection, database_url: str, contractor: int, change: str
) -> None:
    make_follow_up(conn, contractor)
    decide(database_url)

    conn.execute(change.encode())
    report, endpoint = send(conn)

    assert (report.counts, endpoint.posted) == ({"Cancelled": 1}, [])


def test_a_follow_up_that_was_planned_anew_is_sent_anew(conn: Connection, database_url: str, contractor: int) -> None:
    make_follow_up(conn, contractor)
    decide(database_url)
    send(conn)

    conn.execute("UPDATE contractor_followup_schedules SET status = 'scheduled', scheduled_time = now()")

    assert decide(database_url) == {"scheduled": 1}


@pytest.mark.parametrize(("reason", "again"), [("by hand: she moved away", {}), ("suppressed", {"scheduled": 1})])
def test_a_follow_up_that_a_person_cancelled_is_not_written_again(
    conn: Connection, database_url: str, contractor: int, reason: str, again: dict[str, int]
) -> None:
    make_follow_up(conn, contractor)
    decide(database_url)

    conn.execute("UPDATE ai_proactive_messages SET cancelled_at = now(), cancel_reason = %s", [reason])

    conn.execute("UPDATE ige_decisions SET decided_at = now() - interval '2 hours'")
    assert due_promises(conn).due == len(again)
    assert decide(database_url) == again


def test_an_event_message_that_died_shows_its_reason_in_its_own_table(
    conn: Connection, database_url: str, contractor: int
) -> None:
    event_message = make_event_message(conn, contractor)
    decide(database_url)
    conn.execute("UPDATE contractors SET phone = NULL")

    assert send(conn)[0].counts == {"Dead": 1}
    expire_stale(conn, SETTINGS, run_id="run", adopted=True)

    row = fetch(conn, "event_messages", event_message)
    assert (row["status"], row["error_message"]) == ("failed", "no_phone")


def test_a_follow_up_that_died_waits_for_a_person_until_its_time_is_over_and_its_series_goes_on(
    conn: Connection, database_url: str, contractor: int
) -> None:
    follow_up = make_follow_up(conn, contractor, is_recurring=True, recurrence_interval_days=7)
    decide(database_url)
    conn.execute("UPDATE contractors SET phone = NULL")
    send(conn)

    expire_stale(conn, SETTINGS, run_id="run", adopted=True)
    assert fetch(conn, "contractor_followup_schedules", follow_up)["status"] == "scheduled"
    assert decide(database_url) == {}

    conn.execute("UPDATE ai_proactive_messages SET expires_at = now()")
    expire_stale(conn, SETTINGS, run_id="run", adopted=True)

    row = fetch(conn, "contractor_followup_schedules", follow_up)
    following = fetch(conn, "contractor_followup_schedules", row["next_occurrence_id"])
    assert (row["status"], following["status"]) == ("cancelled", "scheduled")


def test_a_batch_looks_ahead_only_as_a_dry_run(conn: Connection, database_url: str, contractor: int) -> None:
    make_follow_up(conn, contractor, scheduled_time=ago(days=-6))
    values = {"IGE_DATABASE_URL": database_url, "N8N_OUTBOUND_WEBHOOK_URL": "http://127.0.0.1:1/x"}
    environment = Environment(values)

    with pytest.raises(Refusal, match="as_of lies in the future"):
        schedule_batch(environment, settings=SETTINGS, as_of=ago(days=-7))

    _, closed = schedule_batch(environment, settings=SETTINGS, as_of=ago(days=-7), dry_run=True)
    assert closed["counts"] == {"scheduled": 1}


def test_a_follow_up_whose_item_is_done_is_skipped_and_cancelled(
    conn: Connection, database_url: str, contractor: int
) -> None:
    item = make_action_item(conn, contractor, status="completed")
    skipped = make_follow_up(conn, contractor, action_item_id=item, skip_if_completed=True)
    asked_all_the_same = make_follow_up(conn, contractor, action_item_id=item, skip_if_completed=False)

    assert decide(database_url) == {"blocked": 1, "scheduled": 1}

    assert fetch(conn, "contractor_followup_schedules", skipped)["status"] == "cancelled"
    assert fetch(conn, "contractor_followup_schedules", asked_all_the_same)["status"] == "scheduled"


def test_an_item_that_is_done_after_the_text_was_written_cancels_it(
    conn: Connection, database_url: str, contractor: int
) -> None:
    item = make_action_item(conn, contractor)
    make_follow_up(conn, contractor, action_item_id=item)
    decide(database_url)

    conn.execute("UPDATE contractor_action_items SET status = 'completed', completed_at = NOW()")
    report, endpoint = send(conn)

    assert report.counts == {"Cancelled": 1}
    assert endpoint.posted == []


def test_a_follow_up_that_is_a_day_late_is_never_sent(conn: Connection, database_url: str, contractor: int) -> None:
    late = make_follow_up(conn, contractor, scheduled_time=ago(hours=24, minutes=1))
    in_time = make_follow_up(conn, contractor, scheduled_time=ago(hours=23, minutes=50))

    assert decide(database_url) == {"expired": 1, "scheduled": 1}

    assert fetch(conn, "contractor_followup_schedules", late)["status"] == "cancelled"
    assert fetch(conn, "contractor_followup_schedules", in_time)["status"] == "scheduled"


def test_what_is_late_has_every_reason_and_the_old_system_reads_them(conn: Connection, database_url: str) -> None:
    paused = make_contractor(conn, ai_proactive_paused=True, timezone=awake(), phone="12")
    done = make_action_item(conn, paused, status="completed")
    late = make_event_message(conn, paused, scheduled_time=ago(hours=25))
    make_follow_up(conn, paused, action_item_id=done)

    assert decide(database_url) == {"expired": 1, "blocked": 1}

    told = {
        row["trigger_name"]: [each["reason"] for each in row["reasons"]]
        for row in conn.execute("SELECT * FROM ige_decisions WHERE screened_at IS NOT NULL AND retry_at IS NULL")
    }
    row = fetch(conn, "event_messages", late)
    assert told["event_message_due"] == ["late", "impossible_phone", "paused"]
    assert told["follow_up_due"] == ["item_completed", "impossible_phone", "paused"]
    assert (row["status"], row["error_message"]) == ("failed", "late, impossible_phone, paused")


def test_an_event_message_keeps_its_own_words_and_says_that_it_was_sent(
    conn: Connection, database_url: str, contractor: int
) -> None:
    event_message = make_event_message(conn, contractor)

    decide(database_url)
    send(conn)

    message = one(conn.execute("SELECT * FROM ai_proactive_messages"))
    row = fetch(conn, "event_messages", event_message)
    assert message["message_content"] == (
        "Hi Maria, Spring Meetup is tomorrow. Please provide your badge at the door! Reply STOP to opt out"
    )
    assert (row["status"], row["actual_send_time"]) == ("sent", message["sent_at"])


def test_an_event_message_without_a_phone_fails_with_its_reason(conn: Connection, database_url: str) -> None:
    event_message = make_event_message(conn, make_contractor(conn, phone=None, timezone=awake()))

    assert decide(database_url) == {"blocked": 1}

    row = fetch(conn, "event_messages", event_message)
    assert (row["status"], row["error_message"]) == ("failed", "no_phone")


def test_what_is_to_nobody_says_so_in_its_own_row_once_it_is_due(conn: Connection, database_url: str) -> None:
    due, ahead, seen = (
        make_event_message(conn, None, phone="+12125550100"),
        make_event_message(conn, None, scheduled_time=ago(days=-1)),
        make_event_message(conn, None, channel="email"),
    )
    follow_up = make_follow_up(conn, None)

    schedule_batch(Environment({"IGE_DATABASE_URL": database_url}), settings=SETTINGS, dry_run=True)
    assert fetch(conn, "event_messages", due)["status"] == "scheduled"
    assert decide(database_url) == {}

    rows = [fetch(conn, "event_messages", each) for each in (due, ahead, seen)]
    assert [row["status"] for row in rows] == ["failed", "scheduled", "scheduled"]
    assert rows[0]["error_message"] == "unknown_contractor"
    assert fetch(conn, "contractor_followup_schedules", follow_up)["status"] == "cancelled"
    told = conn.execute("SELECT action, detail -> 'ids' AS ids FROM ige_audit ORDER BY id").fetchall()
    assert [row["ids"] for row in told] == [[due], [follow_up]]


def test_an_event_message_of_a_contractor_who_is_gone_fails_with_that(conn: Connection, database_url: str) -> None:
    gone = make_event_message(conn, 4_000_000)

    assert decide(database_url) == {"blocked": 1}

    assert fetch(conn, "event_messages", gone)["error_message"] == "unknown_contractor"


def test_the_contractor_s_number_is_texted_and_not_a_copy_of_it_in_the_row(
    conn: Connection, database_url: str, contractor: int
) -> None:
    make_event_message(conn, contractor, phone="+12125550199")
    conn.execute("UPDATE contractors SET phone = '+12125550123'")
    decide(database_url)

    with outbox_on(database_url) as outbox:
        assert claimed(outbox).phone == "+12125550123"


def test_a_text_with_a_hole_in_it_reaches_nobody(conn: Connection, database_url: str, contractor: int) -> None:
    make_event_message(conn, contractor, message_content="Hi {firstName}, meet us at {location}.")

    assert decide(database_url) == {"rejected": 1}

    assert decision(conn)["reasons"][0]["reason"] == "placeholder_left"


def test_promised_messages_go_out_beside_the_gap_and_count_for_others(
    conn: Connection, database_url: str, contractor: int
) -> None:
    make_sent_message(conn, contractor, sent_at=ago(hours=2))
    make_follow_up(conn, contractor)

    assert decide(database_url) == {"scheduled": 1}


def test_promised_messages_obey_a_pause(conn: Connection, database_url: str) -> None:
    paused = make_contractor(conn, timezone=awake(), ai_proactive_paused=True)
    follow_up = make_follow_up(conn, paused)

    assert decide(database_url) == {"blocked": 1}

    assert fetch(conn, "contractor_followup_schedules", follow_up)["status"] == "scheduled"


def test_a_dry_run_leaves_the_old_systems_lists_alone(conn: Connection, database_url: str, contractor: int) -> None:
    late = make_follow_up(conn, contractor, scheduled_time=ago(days=3))

    schedule_batch(Environment({"IGE_DATABASE_URL": database_url}), settings=SETTINGS, dry_run=True)

    assert fetch(conn, "contractor_followup_schedules", late)["status"] == "scheduled"


def test_nothing_that_was_promised_before_us_is_touched_before_adoption(
    conn: Connection, database_url: str, contractor: int
) -> None:
    make_follow_up(conn, contractor)
    conn.execute("""UPDATE ige_switches SET value = '{"state": "pending"}' WHERE name = 'adoption'""")

    assert decide(database_url) == {}


def test_a_run_that_died_between_the_two_writes_is_mended_by_the_next(
    conn: Connection, database_url: str, contractor: int
) -> None:
    follow_up = make_follow_up(conn, contractor, is_recurring=True, recurrence_interval_days=1)
    decide(database_url)
    conn.execute("UPDATE ai_proactive_messages SET sent_at = NOW(), attempts = 1")

    assert decide(database_url) == {}
    expire_stale(conn, SETTINGS, run_id="run", adopted=True)

    assert fetch(conn, "contractor_followup_schedules", follow_up)["status"] == "sent"
