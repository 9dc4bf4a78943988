"""A reply, from its arrival to everything that follows from it, in a real Postgres."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from psycopg.rows import DictRow

from ige_pipeline.delivery.switches import set_stop
from ige_pipeline.housekeeping.ours import tidy
from ige_pipeline.inbound.correspondent import spellings
from ige_pipeline.inbound.deadlock import unless_deadlocked
from ige_pipeline.inbound.feeling import Indicator
from ige_pipeline.inbound.letter import Unreadable
from ige_pipeline.inbound.opt_out import suppress
from ige_pipeline.inbound.opt_out_source import Source
from ige_pipeline.inbound.receive import take, take_unreadable
from ige_pipeline.inbound.trust import hold_trust, move_trust
from ige_pipeline.postgres.connection import connect
from ige_pipeline.safeguards.facts import facts_at_sending
from ige_pipeline.safeguards.phonebook import look_up
from ige_pipeline.safeguards.recipient import judge
from ige_pipeline.settings import Settings
from ige_pipeline_tests.factories import ago, fetch, insert, make_contractor, make_sent_message, make_trust, one
from ige_pipeline_tests.inbound.letters import (
    NUMBER,
    due_message,
    inbound,
    make_letter,
    reply,
    suppress_by_hand,
    suppressed,
    trust_of,
    waiting_for_answer,
)

Conn = psycopg.Connection[DictRow]
OURS = Settings(opt_out_confirmation="ours", sender_name="Acme")


@pytest.fixture
def conn(shared_conn: Conn) -> Any:
    with shared_conn.transaction(force_rollback=True):
        yield shared_conn


def message(conn: Conn, message_id: int) -> DictRow:
    return fetch(conn, "ai_proactive_messages", message_id)


def test_a_reply_is_written_into_the_message_that_it_answers(conn: Conn) -> None:
    ada, sent = waiting_for_answer(conn)
    older = make_sent_message(conn, ada, sent_at=ago(days=3), contractor_response=None, response_received_at=None)

    taken = reply(conn, "All good, thanks")

    assert (taken.meaning, taken.contractor_id, taken.message_id, taken.flag) == ("reply", ada, sent, None)
    row = message(conn, sent)
    assert (row["contractor_response"], row["conversation_continued"]) == ("All good, thanks", True)
    assert row["response_received_at"] is not None
    assert row["outcome_rating"] == 4
    assert message(conn, older)["contractor_response"] is None


def test_an_earlier_answer_stays_what_it_is(conn: Conn) -> None:
    _, sent = waiting_for_answer(conn, contractor_response="First", response_received_at=ago(hours=1), outcome_rating=3)

    taken = reply(conn, "Second, and great")

    row = message(conn, sent)
    assert (row["contractor_response"], row["outcome_rating"], row["conversation_continued"]) == ("First", 3, True)
    assert inbound(conn, taken)["body"] == "Second, and great"


def test_the_same_reply_again_changes_nothing(conn: Conn) -> None:
    ada, sent = waiting_for_answer(conn)
    first = reply(conn, "Great, thanks", provider_id="SM-same")

    again = reply(conn, "Great, thanks", provider_id="SM-same")

    assert (again.repeat, again.id, again.message_id, again.answer) == (True, first.id, sent, None)
    assert len(trust_of(conn, ada)) == 1


def test_another_text_under_the_same_id_is_heard_once(conn: Conn) -> None:
    waiting_for_answer(conn)
    reply(conn, "ok", provider_id="1")

    stop, again = (reply(conn, "STOP", provider_id="1") for _ in range(2))

    assert (stop.repeat, stop.meaning, again.repeat, again.id) == (False, "opt_out", True, stop.id)
    assert suppressed(conn)


def test_the_same_words_of_somebody_else_under_the_same_id_are_theirs(conn: Conn) -> None:
    reply(conn, "STOP", provider_id="1", sender="+12125550111")

    reply(conn, "STOP", provider_id="1")

    assert suppressed(conn)


def test_a_reply_in_which_there_is_nothing_is_shown_to_a_person(conn: Conn) -> None:
    waiting_for_answer(conn)

    assert reply(conn, "  ").flag == "no_text"
    assert reply(conn, "", media=1).flag is None


def test_a_reply_whose_middle_was_not_read_is_shown_to_a_person(conn: Conn) -> None:
    waiting_for_answer(conn)

    assert reply(conn, "la " * 1_000 + "STOP TEXTING ME " + "la " * 1_000).flag == "too_long"


def test_who_says_that_it_is_done_is_trusted_once_for_it(conn: Conn) -> None:
    ada, sent = waiting_for_answer(conn)

    for text in ("Done!", "I called them"):
        reply(conn, text)
    other, _ = waiting_for_answer(conn, phone="+12125550111", led_to_action=True)
    reply(conn, "Done!", sender="+12125550111")

    assert trust_of(conn, ada) == [("acted_on_suggestion", 8, 58)]
    assert trust_of(conn, other) == []
    assert message(conn, sent)["outcome_rating"] == 5


def test_twenty_of_the_same_at_once_are_one(database_url: str) -> None:
    with connect(database_url) as conn:
        ada, _ = waiting_for_answer(conn)
    letter = make_letter("please stop")

    def send(_: int) -> tuple[bool, bool]:
        with connect(database_url) as own:
            taken = take(own, letter, OURS, proof="token")
            return taken.repeat, taken.answer is None

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(send, range(20)))

    assert sorted(answers) == [(False, True), *[(True, True)] * 19]
    with connect(database_url) as conn:
        counts = "SELECT count(*) AS n FROM ai_proactive_messages WHERE confirms_opt_out IS NOT NULL"
        assert one(conn.execute(counts))["n"] == 1
        assert suppressed(conn)
        assert ada


def test_of_several_with_one_number_the_newest_message_decides(conn: Conn) -> None:
    waiting_for_answer(conn, hours=10)
    bob, newest = waiting_for_answer(conn, phone="(212) 555-0199", hours=2)
    waiting_for_answer(conn, phone="212-555-0199", hours=30)

    taken = reply(conn)

    assert (taken.contractor_id, taken.message_id) == (bob, newest)


def test_somebody_who_is_stored_with_a_local_number_is_found_by_it(conn: Conn) -> None:
    ada, sent = waiting_for_answer(conn, phone="555-0199")
    look_up(conn, [ada], region="US")

    assert reply(conn).message_id == sent


def test_somebody_who_has_another_number_by_now_is_known_by_the_one_we_wrote_to(conn: Conn) -> None:
    ada, sent = waiting_for_answer(conn, phone="+13055550123", written_for=NUMBER, says_opt_out=True)
    due = due_message(conn, ada)

    taken = reply(conn, "STOP")

    assert (taken.contractor_id, taken.message_id, taken.flag) == (ada, sent, "earlier_number")
    assert suppressed(conn)
    assert message(conn, due)["cancelled_at"] is None, "it goes to the number that did not opt out"


@pytest.mark.parametrize("raw", spellings(NUMBER, region="US"))
def test_a_number_is_found_in_every_usual_spelling_that_nobody_has_read_yet(conn: Conn, raw: str) -> None:
    _, sent = waiting_for_answer(conn, phone=raw)

    assert reply(conn).message_id == sent


@pytest.mark.parametrize(
    ("over", "flag"),
    [
        ({}, "unknown_number"),
        ({"sender": "12345"}, "no_number"),
        ({"sender": "TWILIO"}, "no_number"),
        ({"sender": ""}, "no_number"),
    ],
)
def test_what_nobody_can_be_found_for_is_kept_and_flagged(conn: Conn, over: dict[str, Any], flag: str) -> None:
    taken = reply(conn, "Hello?", **over)

    assert (taken.contractor_id, taken.message_id, taken.flag) == (None, None, flag)
    assert inbound(conn, taken)["body"] == "Hello?"


def test_who_was_never_written_to_is_flagged(conn: Conn) -> None:
    ada = make_contractor(conn, phone=NUMBER)

    taken = reply(conn, "Hello?")

    assert (taken.contractor_id, taken.flag) == (ada, "nothing_sent")


def test_what_cannot_be_read_is_kept_once(conn: Conn) -> None:
    found = Unreadable("it is neither a form nor JSON", "???", "sha256-1")

    first, again = take_unreadable(conn, found, proof="token"), take_unreadable(conn, found, proof="token")

    assert (first.flag, first.repeat, again.repeat, again.id) == ("unreadable", False, True, first.id)


def test_a_reply_without_words_counts_as_one(conn: Conn) -> None:
    _, sent = waiting_for_answer(conn)

    reply(conn, "  ", media=1)

    assert message(conn, sent)["contractor_response"] == "(no text)"


def test_the_old_system_s_follow_up_hears_of_it_too(conn: Conn) -> None:
    follow_up = insert(
        conn,
        "contractor_followup_schedules",
        {"scheduled_time": ago(hours=6), "status": "sent", "sent_at": ago(hours=5)},
    )
    waiting_for_answer(conn, subject_table="contractor_followup_schedules", subject_id=follow_up)

    reply(conn, "On it")

    assert fetch(conn, "contractor_followup_schedules", follow_up)["response_text"] == "On it"


@pytest.mark.parametrize(
    ("text", "change", "rating"),
    [
        ("Thanks, great tip", ("positive_feedback", 5, 65), 4),
        ("Done!", ("acted_on_suggestion", 8, 68), 5),
        ("Can you help me with it?", ("asked_for_help", 6, 66), 4),
        ("I'm struggling a lot", ("shared_vulnerability", 7, 67), 4),
        ("The deal fell through", ("setback_shared", 4, 64), 3),
        ("That was useless", ("negative_feedback", -5, 55), 2),
        ("Tuesday at nine", None, None),
    ],
)
def test_trust_moves_by_what_is_told_and_stays_where_nothing_is_known(
    conn: Conn, text: str, change: tuple[str, int, int] | None, rating: int | None
) -> None:
    ada, sent = waiting_for_answer(conn)
    make_trust(conn, ada, 60)

    taken = reply(conn, text)

    assert trust_of(conn, ada)[1:] == ([change] if change else [])
    assert message(conn, sent)["outcome_rating"] == rating
    if change:
        cause = one(conn.execute("SELECT context_data FROM ai_trust_indicators ORDER BY id DESC LIMIT 1"))
        assert cause["context_data"] == {"cause": "reply", "inbound_id": taken.id, "message_id": sent}


@pytest.mark.parametrize(("score", "text", "after"), [(98, "Thanks!", 100), (2, "useless", 0), (None, "Thanks!", 55)])
def test_trust_stays_within_its_bounds_and_begins_where_the_setting_says(
    conn: Conn, score: int | None, text: str, after: int
) -> None:
    ada, _ = waiting_for_answer(conn)
    if score is not None:
        make_trust(conn, ada, score)

    reply(conn, text)

    assert trust_of(conn, ada)[-1][2] == after


def test_trust_moves_one_after_the_other_however_many_write_at_once(database_url: str) -> None:
    with connect(database_url) as conn:
        ada, _ = waiting_for_answer(conn)
        make_trust(conn, ada, 10)

    def send(_: int) -> None:
        with connect(database_url) as own:
            reply(own, "Thanks!")

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(send, range(6)))

    with connect(database_url) as conn:
        assert [score for _, _, score in trust_of(conn, ada)] == [10, 15, 20, 25, 30, 35, 40]


def test_two_changes_of_one_person_s_trust_wait_for_one_another(database_url: str) -> None:
    with connect(database_url) as first, connect(database_url) as second:
        ada = make_contractor(first)
        second.execute("SET lock_timeout = '50ms'")

        with first.transaction():
            move_trust(first, ada, Indicator.POSITIVE_FEEDBACK, Settings(), why="a test", cause={})
            with pytest.raises(psycopg.errors.LockNotAvailable), second.transaction():
                move_trust(second, ada, Indicator.POSITIVE_FEEDBACK, Settings(), why="a test", cause={})


def test_a_complaint_pauses_for_thirty_days_and_is_written_down(conn: Conn) -> None:
    ada, sent = waiting_for_answer(conn)

    taken = reply(conn, "This is spam")

    assert taken.flag == "complaint"
    row = fetch(conn, "contractors", ada)
    days = one(conn.execute("SELECT ai_pause_until - NOW()::timestamp AS left FROM contractors WHERE id = %s", [ada]))
    assert (row["ai_proactive_paused"], row["ai_pause_reason"]) == (True, "complaint")
    assert days["left"].days in {29, 30}
    assert trust_of(conn, ada) == [("negative_feedback", -5, 45)]
    assert message(conn, sent)["outcome_rating"] == 1
    assert message(conn, sent)["conversation_continued"] is False


@pytest.mark.parametrize("until", [None, "2199-01-01"])
def test_a_complaint_shortens_no_pause(conn: Conn, until: str | None) -> None:
    ada, _ = waiting_for_answer(conn)
    conn.execute(
        "UPDATE contractors SET ai_proactive_paused = true, ai_pause_reason = 'asked', ai_pause_until = %s"
        " WHERE id = %s",
        [until, ada],
    )

    reply(conn, "This is spam")

    row = fetch(conn, "contractors", ada)
    assert (row["ai_pause_reason"], str(row["ai_pause_until"])[:4]) == ("asked", "None" if until is None else "2199")


def reasons(conn: Conn, contractor_id: int) -> set[str]:
    """What the safeguards find against a message to somebody right now."""
    settings = Settings(consent_basis="asked", state_rules=False, min_gap_hours=0, cap_per_type_per_week=0)
    sharing = look_up(conn, [contractor_id], region="US")
    facts = facts_at_sending(conn, [contractor_id], settings, sharing=sharing, message_ids=[])[contractor_id]
    rest = {"message_type": "check_in", "promised": False, "changed_since": False, "consent_needed": True}
    (found,) = judge([facts | rest], settings, now=facts["asked_at"])
    return {str(each.reason) for each in found} - {"quiet_hours"}


def test_an_answer_lifts_three_ignored_in_a_row(conn: Conn) -> None:
    ada, _ = waiting_for_answer(conn, hours=80)
    for hours in (130, 180):
        make_sent_message(conn, ada, sent_at=ago(hours=hours), contractor_response=None, response_received_at=None)
    before = reasons(conn, ada)

    reply(conn, "Sorry, was away")

    assert "ignored" in before
    assert reasons(conn, ada) == set()


def test_a_complaint_and_an_opt_out_hold_and_start_lets_go(conn: Conn) -> None:
    ada, _ = waiting_for_answer(conn, hours=80)

    reply(conn, "You guys are annoying")
    complained = reasons(conn, ada)
    reply(conn, "STOP")
    out = reasons(conn, ada)
    conn.execute("UPDATE contractors SET ai_proactive_paused = false")
    reply(conn, "START")

    assert complained == {"paused"}
    assert out == {"paused", "suppressed"}
    assert reasons(conn, ada) == set()


def test_an_opt_out_suppresses_the_number_and_cancels_what_is_due(conn: Conn) -> None:
    ada, sent = waiting_for_answer(conn)
    bob = make_contractor(conn, phone="(212) 555-0199")
    due = [due_message(conn, ada), due_message(conn, bob), due_message(conn, ada, not_before=ago(hours=-30))]
    somebody_else = due_message(conn, make_contractor(conn))

    taken = reply(conn, "Stop.")

    assert (taken.meaning, taken.cancelled, taken.answer, taken.flag) == ("opt_out", 3, None, None)
    assert [message(conn, each)["cancel_reason"] for each in due] == ["suppressed"] * 3
    assert message(conn, somebody_else)["cancelled_at"] is None
    assert message(conn, sent)["contractor_response"] == "Stop."
    assert message(conn, sent)["conversation_continued"] is False
    outcomes = conn.execute("SELECT outcome FROM ige_delivery_attempts WHERE message_id = ANY (%s)", [due])
    assert [row["outcome"] for row in outcomes] == ["Cancelled"] * 3
    assert suppressed(conn)


def test_an_opt_out_outlives_the_contractor_s_row(conn: Conn) -> None:
    ada, _ = waiting_for_answer(conn)
    reply(conn, "STOP")
    conn.execute("DELETE FROM ai_trust_indicators")
    conn.execute("DELETE FROM contractors WHERE id = %s", [ada])

    again = make_contractor(conn, phone="212.555.0199")

    assert "suppressed" in reasons(conn, again)


def test_an_opt_out_that_breaks_half_way_has_done_nothing(conn: Conn) -> None:
    ada, _ = waiting_for_answer(conn)
    due = due_message(conn, ada)
    conn.execute("CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$")
    conn.execute("CREATE TRIGGER no BEFORE INSERT ON ige_delivery_attempts FOR EACH ROW EXECUTE FUNCTION refuse()")

    with pytest.raises(psycopg.errors.RaiseException):
        reply(conn, "STOP")

    assert not suppressed(conn)
    assert message(conn, due)["cancelled_at"] is None
    assert conn.execute("SELECT 1 FROM ige_inbound_messages").fetchone() is None


def test_a_doubtful_opt_out_suppresses_and_is_shown_to_a_person(conn: Conn) -> None:
    waiting_for_answer(conn)

    taken = reply(conn, "Wrong number")

    assert taken.flag == "doubtful_opt_out"
    assert suppressed(conn)


def test_an_opt_out_from_what_is_no_number_is_shown_to_a_person(conn: Conn) -> None:
    taken = reply(conn, "STOP", sender="12345")

    assert (taken.meaning, taken.flag) == ("opt_out", "opt_out_without_number")


@pytest.mark.parametrize("text", ["start", "UNSTOP", "Start!", "yes", "YES."])
def test_start_lifts_an_opt_out_by_keyword_and_yes_does_too(conn: Conn, text: str) -> None:
    waiting_for_answer(conn)
    reply(conn, "STOP")

    taken = reply(conn, text)

    assert (taken.meaning, taken.flag) == ("opt_in", None)
    assert not suppressed(conn)


def test_yes_lifts_nothing_but_an_opt_out_by_keyword(conn: Conn) -> None:
    waiting_for_answer(conn)
    reply(conn, "please stop texting me")

    assert reply(conn, "yes").meaning == "reply"
    assert suppressed(conn)
    assert reply(conn, "start").meaning == "opt_in"
    assert not suppressed(conn)
    assert reply(conn, "yes").meaning == "reply"


def test_yes_lifts_an_opt_out_by_keyword_that_the_provider_told_of_later(conn: Conn) -> None:
    waiting_for_answer(conn)
    reply(conn, "STOP")
    suppress(conn, NUMBER, source=Source.PROVIDER, reason="receipt 1: 21610")

    assert reply(conn, "YES").meaning == "opt_in"
    assert not suppressed(conn)


def test_yes_that_lifts_nothing_is_shown_to_a_person(conn: Conn) -> None:
    waiting_for_answer(conn)
    suppress(conn, NUMBER, source=Source.PROVIDER, reason="receipt 1: 21610")

    assert reply(conn, "YES").flag == "wants_texts_again"
    assert suppressed(conn)


def test_who_says_it_in_words_and_then_by_keyword_may_say_yes(conn: Conn) -> None:
    waiting_for_answer(conn)
    reply(conn, "please stop texting me")
    reply(conn, "STOP")

    reply(conn, "YES")

    assert not suppressed(conn)


def test_what_a_person_of_ours_suppressed_start_does_not_lift(conn: Conn) -> None:
    suppress_by_hand(conn)
    waiting_for_answer(conn)

    taken = reply(conn, "START")

    assert (taken.meaning, taken.flag) == ("opt_in", "wants_texts_again")
    assert suppressed(conn)


@pytest.mark.parametrize("text", ["start texting me again please", "Can you sign me back up?", "resubscribe"])
def test_who_wants_texts_again_in_their_own_words_is_shown_to_a_person(conn: Conn, text: str) -> None:
    waiting_for_answer(conn)
    assert reply(conn, text).flag is None
    reply(conn, "STOP")

    assert reply(conn, text).flag == "wants_texts_again"
    assert reply(conn, "Who is this").flag is None
    assert suppressed(conn)


def test_a_second_stop_after_a_start_holds_again(conn: Conn) -> None:
    for text, held in (("STOP", True), ("START", False), ("STOP", True), ("STOP", True), ("UNSTOP", False)):
        reply(conn, text)
        assert suppressed(conn) is held


@pytest.mark.parametrize("text", ["HELP", "info", "Help!"])
def test_help_is_answered_unless_the_provider_did(conn: Conn, text: str) -> None:
    assert reply(conn, text, settings=OURS).answer == f"Acme: {OURS.help_text}"
    assert reply(conn, text, opt_out_type="HELP").answer is None


def test_help_is_left_to_the_provider_where_it_is_said_so(conn: Conn) -> None:
    waiting_for_answer(conn)

    assert reply(conn, "HELP", settings=Settings(help_answer="provider")).answer is None


@pytest.mark.parametrize("text", ["HELP", "START"])
def test_what_answers_nothing_that_we_wrote_is_no_response(conn: Conn, text: str) -> None:
    _, sent = waiting_for_answer(conn)

    first, second = reply(conn, text), reply(conn, "Done, thanks")

    assert (first.first_response, second.first_response) == (False, True)
    row = message(conn, sent)
    assert (row["contractor_response"], row["outcome_rating"]) == ("Done, thanks", 5)


def test_whoever_never_heard_what_to_text_back_is_told_again_for_five_minutes(conn: Conn) -> None:
    first, again = (reply(conn, "STOP", provider_id="SM-lost", settings=OURS) for _ in range(2))
    conn.execute("UPDATE ige_inbound_messages SET received_at = now() - interval '6 minutes'")
    late = reply(conn, "STOP", provider_id="SM-lost", settings=OURS)

    assert first.answer is not None
    assert (again.repeat, again.id, again.answer) == (True, first.id, first.answer)
    assert (late.repeat, late.answer) == (True, None)


def test_what_is_not_so_any_more_is_not_told_again(conn: Conn) -> None:
    reply(conn, "STOP", provider_id="SM-lost", settings=OURS)
    reply(conn, "START", settings=OURS)

    assert reply(conn, "STOP", provider_id="SM-lost", settings=OURS).answer is None


def test_a_repeat_is_known_as_one_after_its_text_was_forgotten(conn: Conn) -> None:
    first = reply(conn, "STOP", provider_id="SM-old")
    conn.execute("UPDATE ige_inbound_messages SET received_at = now() - interval '400 days', flag = NULL")
    tidy(conn, Settings())

    again = reply(conn, "STOP", provider_id="SM-old")
    other = reply(conn, "START", provider_id="SM-old")

    assert inbound(conn, first)["body"] == ""
    assert (again.repeat, again.id) == (True, first.id)
    assert (other.repeat, other.meaning) == (False, "opt_in")


def test_the_provider_confirms_by_default_and_we_say_nothing(conn: Conn) -> None:
    waiting_for_answer(conn)

    for text in ("STOP", "START", "please stop"):
        assert reply(conn, text).answer is None
    assert conn.execute("SELECT 1 FROM ai_proactive_messages WHERE confirms_opt_out IS NOT NULL").fetchone() is None


def test_ours_is_one_confirmation_in_the_outbox(conn: Conn) -> None:
    ada, _ = waiting_for_answer(conn)

    first = reply(conn, "STOP", settings=OURS)
    second = reply(conn, "STOP", settings=OURS)

    row = one(conn.execute("SELECT * FROM ai_proactive_messages WHERE confirms_opt_out IS NOT NULL"))
    assert (row["contractor_id"], row["confirms_opt_out"], row["sent_at"]) == (ada, first.id, None)
    assert row["cancelled_at"] is None
    assert second.cancelled == 0
    assert row["message_content"] == f"Acme: {OURS.opt_out_confirmation_text}"
    assert (first.answer, second.answer) == (None, None)
    decision = one(conn.execute("SELECT * FROM ige_decisions WHERE id = %s", [row["decision_id"]]))
    assert (decision["message_id"], decision["verdict"]) == (row["id"], "scheduled")


def test_each_opt_out_after_a_start_is_confirmed_and_what_confirmed_the_last_one_is_over(conn: Conn) -> None:
    waiting_for_answer(conn)

    for text in ("STOP", "START", "STOP", "STOP"):
        reply(conn, text, settings=OURS)

    rows = conn.execute("SELECT cancelled_at FROM ai_proactive_messages WHERE confirms_opt_out IS NOT NULL ORDER BY id")
    assert [row["cancelled_at"] is None for row in rows] == [False, True]


@pytest.mark.parametrize("source", [Source.BY_HAND, Source.UNREACHABLE])
def test_what_start_does_not_lift_holds_whichever_came_first(conn: Conn, source: Source) -> None:
    waiting_for_answer(conn)
    reply(conn, "STOP")
    assert suppress(conn, NUMBER, source=source, reason="a lawyer wrote") is False

    reply(conn, "STOP")
    taken = reply(conn, "START")

    assert taken.flag == "wants_texts_again"
    assert suppressed(conn)


def wait_until_somebody_waits(database_url: str) -> None:
    waiting = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with connect(database_url) as eye:
        for _ in range(2000):
            if eye.execute(waiting).rowcount:
                return
            eye.execute("SELECT pg_sleep(0.005)")
    raise AssertionError(waiting)


def test_a_reply_waits_for_whoever_writes_down_outcomes_before_it_touches_the_message(database_url: str) -> None:
    with connect(database_url) as conn, connect(database_url) as other, ThreadPoolExecutor(1) as pool:
        ada, sent = waiting_for_answer(conn)
        with other.transaction():
            hold_trust(other, [ada])
            late = pool.submit(reply, conn, "This is spam, STOP")
            wait_until_somebody_waits(database_url)
            other.execute("SET LOCAL lock_timeout = '50ms'")
            other.execute("UPDATE ai_proactive_messages SET ignored_at = now() WHERE id = %s", [sent])

        assert late.result(timeout=20).meaning == "opt_out"
        assert suppressed(conn)


def test_what_a_deadlock_undid_is_done_again() -> None:
    ends: list[Exception | None] = [psycopg.errors.DeadlockDetected(), psycopg.errors.DeadlockDetected(), None]

    def act() -> str:
        if (end := ends.pop(0)) is not None:
            raise end
        return "done"

    assert unless_deadlocked(act) == "done"


def test_for_a_number_that_nobody_has_the_confirmation_travels_in_the_answer(conn: Conn) -> None:
    first = reply(conn, "STOP", settings=OURS, provider_id="SM-9")

    assert first.answer == f"Acme: {OURS.opt_out_confirmation_text}"
    assert reply(conn, "STOP", settings=OURS, provider_id="SM-9").answer == first.answer
    assert reply(conn, "STOP", settings=OURS).answer is None
    assert reply(conn, "START", settings=OURS).answer == f"Acme: {OURS.opt_in_text}"


@pytest.mark.parametrize("text", ["STOP", "HELP"])
def test_when_all_sending_is_stopped_nothing_is_texted_back(conn: Conn, text: str) -> None:
    set_stop(conn, on=True, reason="a test", who="me")

    assert reply(conn, text, settings=OURS).answer is None

    set_stop(conn, on=False, reason=None, who="me")
    assert reply(conn, text, settings=OURS, sender="+12125550111").answer is not None


def test_what_the_provider_calls_an_opt_out_is_one_and_it_has_answered(conn: Conn) -> None:
    waiting_for_answer(conn)

    taken = reply(conn, "Genug", settings=OURS, opt_out_type="STOP")

    assert (taken.meaning, taken.answer) == ("opt_out", None)
    assert suppressed(conn)
    assert conn.execute("SELECT 1 FROM ai_proactive_messages WHERE confirms_opt_out IS NOT NULL").fetchone() is None
