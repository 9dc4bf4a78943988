"""Dead letters: looked at, sent again without surprising anybody, and single messages taken back."""

from collections.abc import Iterator
from typing import Any

import pytest

from ige_pipeline_tests.cli.people import make_awake_contractor
from ige_pipeline_tests.cli.terminal import Terminal
from ige_pipeline_tests.delivery.loopback import Receiver, receiving
from ige_pipeline_tests.delivery.outboxes import attempts, message
from ige_pipeline_tests.factories import Conn, ago, fetch, insert, make_contractor, make_message

TEXT = "Hi Ada, how did the call with the suppliers go?"


@pytest.fixture
def webhook() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def terminal(database_url: str, webhook: Receiver) -> Terminal:
    return Terminal({"IGE_DATABASE_URL": database_url, "N8N_OUTBOUND_WEBHOOK_URL": webhook.url})


def dead(conn: Conn, **over: Any) -> int:
    row = {"dead_at": ago(minutes=5), "dead_reason": "http_400", "attempts": 1} | over
    return make_message(conn, make_awake_contractor(conn), **row)


def died_at_the_webhook(conn: Conn, terminal: Terminal, webhook: Receiver, **over: Any) -> int:
    """Something that the webhook refused for good, and takes from now on."""
    message_id = make_message(conn, make_awake_contractor(conn), **over)
    webhook.answer = lambda _body: 422
    assert terminal.type("run", "deliver").exit_code == 1
    webhook.answer = lambda _body: 200
    return message_id


def test_what_died_is_listed_without_its_text_and_shown_with_it(
    conn: Conn, terminal: Terminal, webhook: Receiver
) -> None:
    message_id = died_at_the_webhook(conn, terminal, webhook)
    dead(conn, dead_at=ago(days=3), created_at=ago(days=4))

    listed = terminal.type("dead", "list")
    shown = terminal.type("dead", "show", str(message_id))

    assert TEXT not in listed.stdout
    assert TEXT in shown.stdout
    assert "attempt:  Dead HTTP 422" in shown.stdout
    assert len(terminal.json("dead", "list")) == 2
    assert [row["message_id"] for row in terminal.json("dead", "list", "--since", "2d")] == [message_id]
    assert [row["obstacle"] for row in terminal.json("dead", "list", "--reason", "http_400")] == ["stale"]


def test_a_redriven_message_is_sent_under_its_old_key_with_its_history(
    conn: Conn, terminal: Terminal, webhook: Receiver
) -> None:
    message_id = died_at_the_webhook(conn, terminal, webhook)

    said = terminal.type("redrive", str(message_id), answer="y\n")
    terminal.type("run", "deliver")

    assert said.exit_code == 0
    assert f"Redriven: {message_id}." in said.stdout
    assert TEXT not in said.output
    assert webhook.times[message_id] == 2
    assert len(webhook.keys[message_id]) == 1
    assert message(conn, message_id)["sent_at"] is not None
    assert [each["outcome"] for each in attempts(conn, message_id)] == ["Dead", "Redriven", "Delivered"]
    (audited,) = conn.execute("SELECT who, action, detail FROM ige_audit").fetchall()
    assert audited["who"].startswith("ige (")
    assert (audited["action"], audited["detail"]["messages"]) == ("redrive", [message_id])


def test_the_seven_tries_begin_anew(conn: Conn, terminal: Terminal) -> None:
    message_id = dead(conn, dead_reason="attempts_exhausted", attempts=7)

    terminal.type("redrive", str(message_id), "--yes")

    row = message(conn, message_id)
    assert (row["attempts"], row["dead_at"], row["dead_reason"]) == (0, None, None)
    assert attempts(conn, message_id)[0]["attempt"] == 7


@pytest.mark.parametrize("over", [{"expires_at": ago(minutes=1)}, {"created_at": ago(hours=25)}])
def test_what_is_too_old_stays_dead_unless_somebody_gives_it_more_time(
    conn: Conn, terminal: Terminal, webhook: Receiver, over: dict[str, Any]
) -> None:
    message_id = dead(conn, **over)

    refused = terminal.type("redrive", str(message_id), "--yes")
    allowed = terminal.type("redrive", str(message_id), "--yes", "--expires-in", "4h")
    terminal.type("run", "deliver")

    assert (refused.exit_code, allowed.exit_code) == (1, 0)
    assert "its time is over" in refused.stdout
    assert webhook.message_ids == [message_id]


def test_a_no_changes_nothing(conn: Conn, terminal: Terminal) -> None:
    message_id = dead(conn)
    before = message(conn, message_id)

    assert terminal.type("redrive", str(message_id), answer="n\n").exit_code == 1
    assert message(conn, message_id) == before


def test_one_occurrence_is_not_written_about_twice(conn: Conn, terminal: Terminal) -> None:
    about = {"trigger_name": "stalled_goal", "dedupe_key": "stalled_goal:ai_concierge_goals:1:first"}
    taken = dead(conn, **about)
    make_message(conn, make_awake_contractor(conn), **about)
    twins = [dead(conn, **about | {"dedupe_key": "stalled_goal:ai_concierge_goals:2:first"}) for _ in range(2)]

    said = terminal.json("redrive", *map(str, [taken, *twins]), "--yes", exit_code=1)

    assert len(said["redriven"]) == 1
    assert said["redriven"][0] in twins
    assert set(said["left"].values()) == {"occurrence_taken"}
    assert len(said["left"]) == 2


def test_those_of_one_reason_are_redriven_together_and_the_others_stay(conn: Conn, terminal: Terminal) -> None:
    meant = [dead(conn, dead_reason="http_422") for _ in range(3)]
    other = dead(conn)

    said = terminal.json("redrive", "--since", "1h", "--reason", "http_422", "--yes")

    assert said == {"redriven": meant, "left": {}}
    assert message(conn, other)["dead_at"] is not None


def test_of_many_only_the_first_are_named(conn: Conn, terminal: Terminal) -> None:
    ids = [dead(conn) for _ in range(22)] + [dead(conn, expires_at=ago(hours=1)) for _ in range(2)]

    said = terminal.type("redrive", "--since", "1h", "--yes")

    assert f"Redriven: {', '.join(map(str, ids[:20]))} and 2 more." in said.stdout
    assert f"Left as they are: {ids[22]}, {ids[23]}: its time is over" in said.stdout


def test_an_opt_out_holds_for_what_is_redriven(conn: Conn, terminal: Terminal, webhook: Receiver) -> None:
    message_id = died_at_the_webhook(conn, terminal, webhook)
    phone = fetch(conn, "contractors", message(conn, message_id)["contractor_id"])["phone"]
    conn.execute("INSERT INTO ige_suppressions (phone_e164, reason, source) VALUES (%s, 'asked', 'by phone')", [phone])

    terminal.type("redrive", str(message_id), "--yes")
    terminal.type("run", "deliver")

    assert webhook.times[message_id] == 1
    assert message(conn, message_id)["cancel_reason"] == "suppressed"


def test_an_event_message_that_died_is_planned_again(conn: Conn, terminal: Terminal, webhook: Receiver) -> None:
    contractor = make_awake_contractor(conn)
    planned = {"contractor_id": contractor, "channel": "sms", "status": "scheduled", "scheduled_time": ago(minutes=5)}
    event = insert(conn, "event_messages", planned | {"message_content": "The doors open at nine, see you there!"})
    terminal.type("run", "schedule")
    webhook.answer = lambda _body: 422
    terminal.type("run", "deliver")
    terminal.type("run", "deliver")
    webhook.answer = lambda _body: 200
    failed = fetch(conn, "event_messages", event)["status"]

    terminal.type("redrive", str(webhook.message_ids[0]), "--yes")
    terminal.type("run", "deliver")

    assert failed == "failed"
    assert len(webhook.posts) == 2
    assert fetch(conn, "event_messages", event)["status"] == "sent"


@pytest.mark.parametrize("cancelled_by", ["us", "a person"])
def test_a_follow_up_that_died_and_whose_time_is_over_is_planned_again_unless_a_person_cancelled_it(
    conn: Conn, terminal: Terminal, webhook: Receiver, cancelled_by: str
) -> None:
    planned = {"scheduled_time": ago(minutes=5), "followup_type": "check_in", "status": "scheduled"}
    series = {"contractor_id": make_awake_contractor(conn), "is_recurring": True, "recurrence_interval_days": 7}
    follow_up = insert(conn, "contractor_followup_schedules", planned | series)
    terminal.type("run", "schedule")
    webhook.answer = lambda _body: 422
    terminal.type("run", "deliver")
    webhook.answer = lambda _body: 200
    conn.execute("UPDATE ai_proactive_messages SET expires_at = now()")
    if cancelled_by == "a person":
        conn.execute("UPDATE contractor_followup_schedules SET status = 'cancelled'")
    terminal.type("run", "deliver")
    closed = fetch(conn, "contractor_followup_schedules", follow_up)["status"]

    terminal.type("redrive", str(webhook.message_ids[0]), "--yes", "--expires-in", "4h")
    terminal.type("run", "deliver")

    now = fetch(conn, "contractor_followup_schedules", follow_up)["status"]
    assert closed == "cancelled"
    assert (now, len(webhook.posts)) == (("sent", 2) if cancelled_by == "us" else ("cancelled", 1))
    query = "SELECT id FROM contractor_followup_schedules WHERE status = 'scheduled'"
    assert conn.execute(query).rowcount == (cancelled_by == "us"), "The series goes on once."


@pytest.mark.parametrize("words", [[], ["1", "--since", "1h"], ["--since", "1h", "--expires-in", "9d"]], ids=" ".join)
def test_an_unclear_redrive_is_refused(words: list[str]) -> None:
    Terminal().refused("redrive", *words)


@pytest.mark.parametrize("words", [["1", "--expires-in", "soon"], ["--since", "yesterday"], ["--since", "2 weeks"]])
def test_a_time_that_is_none_is_answered_with_how_to_write_one(words: list[str]) -> None:
    result = Terminal().type("redrive", *words)

    assert result.exit_code == 2
    assert "write a " in result.stderr


def test_a_letter_that_is_not_dead_is_refused(conn: Conn, terminal: Terminal) -> None:
    message_id = make_message(conn, make_awake_contractor(conn))

    assert "There is no dead letter" in terminal.refused("dead", "show", str(message_id))
    assert terminal.json("redrive", str(message_id), "--yes", exit_code=1)["left"] == {str(message_id): "not dead"}


def test_a_message_that_waits_is_taken_back_and_why_says_who_did_it(
    conn: Conn, terminal: Terminal, webhook: Receiver
) -> None:
    message_id = make_message(conn, make_awake_contractor(conn))

    said = terminal.type("cancel", str(message_id), "--reason", "wrong name", answer="y\n")
    terminal.type("run", "deliver")

    assert (said.exit_code, said.stdout.splitlines()[-1]) == (0, f"Cancelled: {message_id}.")
    assert webhook.posts == []
    (attempt,) = attempts(conn, message_id)
    assert (attempt["outcome"], attempt["reasons"][0]["limit"]) == ("Cancelled", "wrong name")


STATES: dict[str, dict[str, Any]] = {
    "sent": {"sent_at": ago(minutes=1)},
    "dead": {"dead_at": ago(minutes=1), "dead_reason": "http_400"},
    "expired": {"expired_at": ago(minutes=1)},
    "being sent": {"lease_owner": 1, "lease_token": "0" * 32, "lease_expires_at": ago(minutes=-1)},
}


def test_what_has_left_or_ended_or_is_leaving_stays_as_it_is(conn: Conn, terminal: Terminal) -> None:
    ids = {make_message(conn, make_contractor(conn), **over): state for state, over in STATES.items()}
    before = [message(conn, each) for each in ids]

    said = terminal.json("cancel", *map(str, ids), "9999", "--yes", exit_code=1)

    assert said == {"cancelled": [], "left": {str(each): state for each, state in ids.items()} | {"9999": "unknown"}}
    assert [message(conn, each) for each in ids] == before


def test_a_cancelled_follow_up_is_off_its_plan_and_its_series_goes_on(conn: Conn, terminal: Terminal) -> None:
    planned = {"scheduled_time": ago(minutes=5), "followup_type": "check_in", "status": "scheduled"}
    series = {"contractor_id": make_awake_contractor(conn), "is_recurring": True, "recurrence_interval_days": 7}
    follow_up = insert(conn, "contractor_followup_schedules", planned | series)
    terminal.type("run", "schedule")
    (waiting,) = conn.execute("SELECT id FROM ai_proactive_messages").fetchall()

    terminal.type("cancel", str(waiting["id"]), "--yes")
    terminal.type("run", "schedule")

    row = fetch(conn, "contractor_followup_schedules", follow_up)
    assert (row["status"], row["next_occurrence_id"] is not None) == ("cancelled", True)
    assert len(conn.execute("SELECT id FROM ai_proactive_messages").fetchall()) == 1
