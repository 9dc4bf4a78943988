"""What a provider says of our texts: kept once, told to the message, and followed where its code asks for something."""

from itertools import permutations
from typing import Any

import psycopg
import pytest
from psycopg.rows import DictRow

from ige_pipeline.delivery.alert import open_alerts
from ige_pipeline.delivery.promise import no_longer_wanted
from ige_pipeline.delivery.switches import set_stop
from ige_pipeline.inbound.letter import Fields, read_body
from ige_pipeline.inbound.outcomes import track_outcomes
from ige_pipeline.inbound.take_receipt import TakenReceipt, receipt_of, settle_again, take_receipt
from ige_pipeline.postgres.connection import connect
from ige_pipeline.settings import Settings
from ige_pipeline_tests.delivery.fakes import awake
from ige_pipeline_tests.factories import fetch, insert, make_contractor, make_sent_message, one
from ige_pipeline_tests.inbound.letters import NUMBER, due_message, reply, suppressed, waiting_for_answer

Conn = psycopg.Connection[DictRow]


@pytest.fixture
def conn(shared_conn: Conn) -> Any:
    with shared_conn.transaction(force_rollback=True):
        yield shared_conn


def say(conn: Conn, status: str, **fields: Any) -> TakenReceipt:
    """A provider says something of one text."""
    named = {"provider_id": "SM-00001", "status": status} | {name: str(value) for name, value in fields.items()}
    receipt = receipt_of(Fields(named))
    assert receipt is not None
    return take_receipt(conn, receipt, Settings(), proof="token")


def message(conn: Conn, message_id: int) -> DictRow:
    return fetch(conn, "ai_proactive_messages", message_id)


def test_a_receipt_is_told_to_its_message_once(conn: Conn) -> None:
    _, sent = waiting_for_answer(conn)

    first, again = (say(conn, "Delivered", message_id=sent) for _ in range(2))

    assert (first.message_id, first.done, first.repeat, again.repeat) == (sent, "told", False, True)
    row = message(conn, sent)
    assert (row["receipt_status"], row["provider_id"], row["receipt_code"]) == ("delivered", "SM-00001", None)
    assert one(conn.execute("SELECT count(*) AS n FROM ige_receipts"))["n"] == 1


@pytest.mark.parametrize("order", list(permutations(["queued", "sent", "delivered"])))
def test_a_status_never_goes_back_whatever_the_order(conn: Conn, order: tuple[str, ...]) -> None:
    _, sent = waiting_for_answer(conn)

    for status in order:
        say(conn, status, message_id=sent)

    assert message(conn, sent)["receipt_status"] == "delivered"


def test_what_failed_stays_failed_until_it_turns_out_to_be_delivered(conn: Conn) -> None:
    _, sent = waiting_for_answer(conn)

    seen = []
    for status in ("undelivered", "sent", "failed", "delivered", "failed"):
        say(conn, status, message_id=sent)
        seen.append(message(conn, sent)["receipt_status"])

    assert seen == ["undelivered", "undelivered", "undelivered", "delivered", "delivered"]


def test_a_later_receipt_needs_not_name_the_message_again(conn: Conn) -> None:
    _, sent = waiting_for_answer(conn)
    say(conn, "sent", message_id=sent)

    assert say(conn, "delivered").message_id == sent


def test_a_wrong_key_names_no_message(conn: Conn) -> None:
    _, sent = waiting_for_answer(conn)
    key = message(conn, sent)["idempotency_key"]

    assert say(conn, "sent", message_id=sent, key="another").message_id is None
    assert say(conn, "delivered", message_id=sent, key=str(key).upper()).message_id == sent


def test_what_came_before_its_message_was_known_finds_it_later(conn: Conn) -> None:
    ada, sent = waiting_for_answer(conn)
    reply(conn)  # reads the number
    early = say(conn, "undelivered", recipient=NUMBER)
    attempt = {"message_id": sent, "run_id": "r", "attempt": 1, "lease_token": "0" * 32, "claimed_at": "now"}
    rest = {"outcome": "Delivered", "posted_at": "now", "response": '{"sid": "SM-00001"}'}
    insert(conn, "ige_delivery_attempts", attempt | rest)

    found = track_outcomes(conn, Settings())

    assert (early.message_id, early.done, found.receipts) == (None, "", 1)
    assert message(conn, sent)["receipt_status"] == "undelivered"
    assert ada


def test_a_status_and_a_code_that_nobody_knows_are_kept(conn: Conn) -> None:
    _, sent = waiting_for_answer(conn)

    say(conn, "on_the_moon", message_id=sent, code="99999")

    row = one(conn.execute("SELECT status, code, message_id FROM ige_receipts"))
    assert row == {"status": "on_the_moon", "code": "99999", "message_id": sent}
    assert message(conn, sent)["receipt_status"] is None


@pytest.mark.parametrize("code", ["21610", "30006"])
def test_who_unsubscribed_there_or_has_no_phone_for_texts_gets_no_more(conn: Conn, code: str) -> None:
    ada, sent = waiting_for_answer(conn)
    due = due_message(conn, ada)

    assert say(conn, "failed", message_id=sent, code=code, recipient=NUMBER).done == "suppressed"

    assert suppressed(conn)
    assert message(conn, due)["cancel_reason"] == "suppressed"


@pytest.mark.parametrize(("code", "lifted"), [("21610", True), ("30006", False)])
def test_start_lifts_what_they_did_at_the_provider_and_not_a_dead_line(conn: Conn, code: str, *, lifted: bool) -> None:
    _, sent = waiting_for_answer(conn)
    say(conn, "failed", message_id=sent, code=code, recipient=NUMBER)

    reply(conn, "START")

    assert suppressed(conn) is not lifted


def test_a_code_that_comes_with_a_text_that_arrived_asks_for_nothing(conn: Conn) -> None:
    _, sent = waiting_for_answer(conn)

    say(conn, "delivered", message_id=sent, code="21610", recipient=NUMBER)

    assert not suppressed(conn)


def test_a_phone_that_cannot_be_reached_is_tried_twice_more_as_a_new_text(conn: Conn) -> None:
    _, sent = waiting_for_answer(conn)
    keys = [message(conn, sent)["idempotency_key"]]

    done = []
    for time in range(3):
        done.append(say(conn, "undelivered", message_id=sent, code="30003", provider_id=f"SM-{time}").done)
        row = message(conn, sent)
        keys.append(row["idempotency_key"])
        if done[-1] == "sent_again":
            assert (row["sent_at"], row["last_error"], row["receipt_status"]) == (None, "unreachable", None)
            conn.execute("UPDATE ai_proactive_messages SET sent_at = NOW() WHERE id = %s", [sent])

    assert done == ["sent_again", "sent_again", "left"]
    assert len(set(keys)) == 3
    assert message(conn, sent)["receipt_status"] == "undelivered"


def test_what_was_answered_or_is_an_old_text_s_receipt_is_not_sent_again(conn: Conn) -> None:
    _, sent = waiting_for_answer(conn)
    say(conn, "undelivered", message_id=sent, code="30003")
    conn.execute("UPDATE ai_proactive_messages SET sent_at = NOW() WHERE id = %s", [sent])
    say(conn, "delivered", message_id=sent, provider_id="SM-new")

    assert say(conn, "failed", message_id=sent, code="30003").done == "left"
    assert message(conn, sent)["sent_at"] is not None


def waits(conn: Conn, message_id: int) -> bool:
    return message(conn, message_id)["sent_at"] is None


def test_what_arrives_after_all_is_not_sent_once_more(conn: Conn) -> None:
    _, sent = waiting_for_answer(conn)
    left = message(conn, sent)["sent_at"]
    say(conn, "undelivered", message_id=sent, code="30003")

    say(conn, "delivered", message_id=sent)

    row = message(conn, sent)
    assert (row["sent_at"], row["receipt_status"], row["resent"]) == (left, "delivered", 0)
    assert (row["next_attempt_at"], row["last_error"]) == (None, None)


def test_who_answers_while_it_waits_to_go_once_more_has_got_it(conn: Conn) -> None:
    ada, sent = waiting_for_answer(conn)
    say(conn, "undelivered", message_id=sent, code="30003")

    taken = reply(conn, "Thanks, all sorted")

    assert (taken.contractor_id, taken.message_id, taken.flag) == (ada, sent, None)
    assert not waits(conn, sent)
    assert message(conn, sent)["contractor_response"] == "Thanks, all sorted"


def test_an_opt_out_while_it_waits_to_go_once_more_holds_it(conn: Conn) -> None:
    _, sent = waiting_for_answer(conn)
    say(conn, "undelivered", message_id=sent, code="30003")

    reply(conn, "STOP")

    assert not waits(conn, sent)


def test_a_late_failure_of_an_earlier_text_says_nothing_of_the_one_that_followed(conn: Conn) -> None:
    _, sent = waiting_for_answer(conn)
    say(conn, "undelivered", message_id=sent, code="30003")
    say(conn, "failed", message_id=sent)
    assert message(conn, sent)["provider_id"] is None
    conn.execute("UPDATE ai_proactive_messages SET sent_at = NOW() WHERE id = %s", [sent])

    assert say(conn, "failed", message_id=sent, code="30003").done == "left"

    assert message(conn, sent)["receipt_status"] is None
    assert not waits(conn, sent)


def test_a_thousand_receipts_of_nobody_keep_no_other_from_being_found(conn: Conn) -> None:
    _, sent = waiting_for_answer(conn)
    conn.execute(
        "INSERT INTO ige_receipts (provider_id, status, proof, received_at) "
        "SELECT 'foreign' || n, 'delivered', 'token', now() - interval '1 hour' FROM generate_series(1, 1000) n"
    )
    ours = say(conn, "delivered")
    conn.execute("UPDATE ige_receipts SET message_id = %s, done = '', looked_at = NULL WHERE id = %s", [sent, ours.id])

    for _ in range(2):
        settle_again(conn, Settings())
        # In one transaction all clocks are the same.
        conn.execute("UPDATE ige_receipts SET looked_at = looked_at + interval '1 hour' WHERE done = ''")

    assert message(conn, sent)["receipt_status"] == "delivered"


def test_a_late_receipt_that_a_deadlock_undid_is_looked_at_once_more(database_url: str) -> None:
    with connect(database_url) as conn:
        _, sent = waiting_for_answer(conn)
        early = say(conn, "delivered")
        conn.execute("UPDATE ige_receipts SET message_id = %s, done = '' WHERE id = %s", [sent, early.id])
        # A sequence counts also what is undone.
        conn.execute("CREATE SEQUENCE tries")
        conn.execute(
            "CREATE FUNCTION deadlock() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " IF nextval('tries') = 1 THEN RAISE SQLSTATE '40P01'; END IF; RETURN NEW; END $$"
        )
        conn.execute("CREATE TRIGGER deadlocks BEFORE UPDATE ON ige_receipts FOR EACH ROW EXECUTE FUNCTION deadlock()")

        assert settle_again(conn, Settings()) == 1
        assert message(conn, sent)["receipt_status"] == "delivered"


def test_a_dead_line_is_the_number_that_it_was_written_for(conn: Conn) -> None:
    ada, sent = waiting_for_answer(conn, written_for=NUMBER)
    conn.execute("UPDATE contractors SET phone = '+12125550177' WHERE id = %s", [ada])
    reply(conn, "This is my new number", sender="+12125550177")

    say(conn, "undelivered", message_id=sent, code="30006")

    assert suppressed(conn)
    assert not suppressed(conn, "+12125550177")


def test_a_follow_up_that_goes_once_more_is_wanted_still(conn: Conn) -> None:
    ada = make_contractor(conn, phone=NUMBER, timezone=awake())
    follow_up = insert(
        conn, "contractor_followup_schedules", {"contractor_id": ada, "scheduled_time": "now", "status": "sent"}
    )
    sent = make_sent_message(
        conn,
        ada,
        sent_at="now",
        created_at="now",
        contractor_response=None,
        response_received_at=None,
        attempts=1,
        trigger_name="follow_up_due",
        source_message_type="reminder",
        subject_table="contractor_followup_schedules",
        subject_id=follow_up,
        occurrence="then",
    )
    say(conn, "undelivered", message_id=sent, code="30003")

    assert no_longer_wanted(conn, [sent]) == {}


def test_a_carrier_that_filters_stops_all_sending_and_raises_an_alarm_once(conn: Conn) -> None:
    _, sent = waiting_for_answer(conn)

    done = [say(conn, "undelivered", message_id=sent, code="30007", provider_id=f"SM-{n}").done for n in range(3)]

    assert done == ["stopped", "left", "left"]
    stop = one(conn.execute("SELECT value, reason FROM ige_switches WHERE name = 'stop'"))
    assert stop["value"] == {"on": True}
    assert "30007" in stop["reason"]
    (alert,) = open_alerts(conn)
    assert alert["kind"] == "carrier_filtering"


def test_what_left_before_sending_was_started_again_does_not_stop_it_again(conn: Conn) -> None:
    _, sent = waiting_for_answer(conn)
    say(conn, "undelivered", message_id=sent, code="30007")
    set_stop(conn, on=False, reason=None, who="me")

    assert say(conn, "undelivered", message_id=sent, code="30007", provider_id="SM-late").done == "left"


@pytest.mark.parametrize("body", ["MessageStatus=sent&ErrorCode=1", "MessageSid=&message_id=x", "message_id=-1"])
def test_what_says_of_no_text_is_no_receipt(body: str) -> None:
    found = read_body(body.encode(), content_type="application/x-www-form-urlencoded")

    assert isinstance(found, Fields)
    assert receipt_of(found) is None


def test_twilio_s_fields_and_what_the_address_adds_are_understood() -> None:
    body = b"MessageSid=SM9&MessageStatus=undelivered&ErrorCode=30003&To=%2B12125550199"
    found = read_body(body, content_type="application/x-www-form-urlencoded", query="message_id=41&key=abc")
    assert isinstance(found, Fields)

    receipt = receipt_of(found)

    assert receipt is not None
    assert (receipt.provider_id, receipt.status, receipt.code) == ("SM9", "undelivered", "30003")
    assert (receipt.number, receipt.message_id, receipt.key) == (NUMBER, 41, "abc")
