"""Screening a batch in the database: the facts it asks for, and what it writes down."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.rows import DictRow

from ige_pipeline.ledger.batch import Batch, alone_with
from ige_pipeline.postgres.connection import connect
from ige_pipeline.postgres.queries import load
from ige_pipeline.safeguards.batch_facts import with_facts
from ige_pipeline.safeguards.phonebook import look_up, read_numbers
from ige_pipeline.safeguards.piece import cut, pieces_of
from ige_pipeline.safeguards.screen import count_reasons, count_verdicts, screen_recipients
from ige_pipeline.safeguards.span import EVERYBODY, Span, span_of
from ige_pipeline.settings import Settings
from ige_pipeline_tests.factories import (
    ago,
    fetch,
    make_batch,
    make_candidate,
    make_contractor,
    make_decision,
    make_message,
    make_sent_message,
    make_trust,
    one,
)

Conn = psycopg.Connection[DictRow]

LEASE = {
    "lease_owner": 1,
    "lease_token": "00000000-0000-0000-0000-000000000001",
    "lease_expires_at": datetime(2100, 1, 1, tzinfo=UTC),
    "attempts": 1,
}


@pytest.fixture
def conn(shared_conn: Conn) -> Any:
    with shared_conn.transaction(force_rollback=True):
        yield shared_conn


def now_of(conn: Conn) -> datetime:
    moment = one(conn.execute("SELECT now() AS moment"))["moment"]
    assert isinstance(moment, datetime)
    return moment


def awake(conn: Conn) -> str:
    """A zone in which it is between ten and four now, by the database's clock."""
    offset = 13 - now_of(conn).astimezone(UTC).hour
    offset -= 24 if offset > 14 else 0
    return f"Etc/GMT{-offset:+d}"


def asleep(conn: Conn) -> str:
    """A zone in which it is about one in the morning now."""
    offset = 1 - now_of(conn).astimezone(UTC).hour
    offset += 24 if offset < -12 else 0
    return f"Etc/GMT{-offset:+d}"


def facts_of(conn: Conn, contractor_id: int, **over: Any) -> dict[str, Any]:
    shared = look_up(conn, [contractor_id], region="US").of([contractor_id])
    asked = {"contractor_ids": [contractor_id], "sending": False, "message_ids": []}
    asked = Settings().model_dump() | shared | asked | over
    return one(conn.execute(load("ige_pipeline.safeguards", "facts.sql")["recipient_facts"], asked))


def screened(conn: Conn, batch: Batch, *decisions: int, **thresholds: Any) -> list[DictRow]:
    screen_recipients(conn, batch, Settings(**thresholds), consent_needed=False)
    return [fetch(conn, "ige_decisions", decision) for decision in decisions]


def known_of(conn: Conn, decision: int) -> dict[str, Any]:
    """What the ledger tells of a decision's contractor."""
    query = "SELECT recipient_facts FROM ige_why_decided WHERE decision_id = %s"
    known: dict[str, Any] = one(conn.execute(query, [decision]))["recipient_facts"]
    return known


def said(decision: DictRow) -> set[str]:
    return {reason["reason"] for reason in decision["reasons"]}


def test_a_contractor_who_does_not_exist_is_asked_about_and_not_known(conn: Conn) -> None:
    row = facts_of(conn, 999_999)

    assert (row["contractor_id"], row["known"], row["phone_verdict"], row["recent_sent"]) == (999_999, False, "none", 0)


def test_a_contractor_who_never_heard_from_us_has_no_last_message(conn: Conn) -> None:
    row = facts_of(conn, make_contractor(conn))

    assert (row["last_message_id"], row["last_sent_at"], row["recent_last_sent_at"]) == (None, None, None)
    assert (row["recent_sent"], row["recent_unanswered"], row["trust_score"]) == (0, 0, None)


def test_the_last_message_is_the_one_sent_last_and_not_the_one_written_last(conn: Conn) -> None:
    contractor = make_contractor(conn)
    late = make_sent_message(conn, contractor, sent_at=ago(hours=50))
    make_sent_message(conn, contractor, sent_at=ago(hours=90))

    assert facts_of(conn, contractor)["last_message_id"] == late


def test_the_newest_three_are_counted_and_answers_older_than_those_do_not_help(conn: Conn) -> None:
    contractor = make_contractor(conn)
    make_sent_message(conn, contractor, sent_at=ago(days=20))
    for days in (9, 7, 5):
        make_sent_message(conn, contractor, sent_at=ago(days=days), contractor_response=None, response_received_at=None)

    row = facts_of(conn, contractor)

    assert (row["recent_sent"], row["recent_unanswered"]) == (3, 3)


@pytest.mark.parametrize("answer", [{"contractor_response": "ok"}, {"response_received_at": ago(days=4)}])
def test_a_text_or_a_time_of_response_is_an_answer(conn: Conn, answer: dict[str, Any]) -> None:
    contractor = make_contractor(conn)
    unanswered = {"contractor_response": None, "response_received_at": None}
    make_sent_message(conn, contractor, **(unanswered | answer))

    assert facts_of(conn, contractor)["recent_unanswered"] == 0


def test_promised_messages_count_as_contact_and_not_as_ignored(conn: Conn) -> None:
    contractor = make_contractor(conn)
    unanswered = {"contractor_response": None, "response_received_at": None}
    make_sent_message(conn, contractor, sent_at=ago(days=9), **unanswered)
    promised = make_sent_message(conn, contractor, sent_at=ago(days=1), source_message_type="reminder", **unanswered)

    row = facts_of(conn, contractor)

    assert row["last_message_id"] == promised
    assert row["recent_sent"] == 1
    assert row["recent_last_sent_at"] < row["last_sent_at"]


def test_the_latest_score_counts_and_a_row_without_one_does_not_hide_it(conn: Conn) -> None:
    contractor = make_contractor(conn)
    make_trust(conn, contractor, 80, recorded_at=ago(days=9))
    make_trust(conn, contractor, 15, recorded_at=ago(days=5))
    make_trust(conn, contractor, None, recorded_at=ago(days=1))

    assert facts_of(conn, contractor)["trust_score"] == 15


def test_of_two_scores_of_one_moment_the_later_row_counts(conn: Conn) -> None:
    contractor, moment = make_contractor(conn), ago(days=5)
    make_trust(conn, contractor, 80, recorded_at=moment)
    make_trust(conn, contractor, 15, recorded_at=moment)

    assert facts_of(conn, contractor)["trust_score"] == 15


def test_a_score_without_a_time_counts_only_where_none_has_one(conn: Conn) -> None:
    contractor, other = make_contractor(conn), make_contractor(conn)
    make_trust(conn, contractor, 15, recorded_at=ago(days=5))
    for person in (contractor, other):
        make_trust(conn, person, 60, recorded_at=None)
        make_trust(conn, person, 80, recorded_at=None)

    assert facts_of(conn, contractor)["trust_score"] == 15
    assert facts_of(conn, other)["trust_score"] == 80


def test_a_complaint_without_a_time_counts_as_one_of_now(conn: Conn) -> None:
    contractor = make_contractor(conn)
    for at in (None, None, ago(days=6), ago(days=8)):
        make_trust(conn, contractor, 50, indicator_type="negative_feedback", recorded_at=at)

    told = facts_of(conn, contractor)
    assert told["complaints"] == 3
    assert ago(days=6, minutes=1) < told["complained_at"] < ago(days=5, hours=23)
    assert facts_of(conn, contractor, complaints_at_most=2)["complained_at"] == now_of(conn)


def test_somebody_who_is_stored_twice_escapes_no_safeguard(conn: Conn) -> None:
    asked, twice = (make_contractor(conn, phone=spelled) for spelled in ("+1 212 555 0177", "(212) 555-0177"))
    other = make_contractor(conn)
    read_numbers(conn, [asked, twice], region="US")
    for person, hours in ((twice, 60), (asked, 80), (twice, 100), (other, 120)):
        silent = {"contractor_response": None, "response_received_at": None}
        make_sent_message(conn, person, sent_at=ago(hours=hours), **silent)
    make_sent_message(conn, asked, sent_at=ago(hours=110))
    make_trust(conn, asked, 80, recorded_at=ago(days=1))
    make_trust(conn, twice, 15, recorded_at=ago(days=5))
    for person in (asked, twice, other):
        make_trust(conn, person, None, indicator_type="ignored_suggestion", recorded_at=ago(days=1))

    told = facts_of(conn, asked)

    assert (told["trust_score"], told["complaints"]) == (15, 2)
    assert (told["recent_sent"], told["recent_unanswered"]) == (3, 3)
    assert told["recent_last_sent_at"] > ago(hours=61)
    assert facts_of(conn, asked, ignored_in_a_row=4)["recent_unanswered"] == 3
    assert facts_of(conn, other)["recent_sent"] == 1


def test_at_scheduling_every_message_that_still_waits_counts(conn: Conn) -> None:
    contractor = make_contractor(conn)
    waiting = make_message(conn, contractor)

    assert facts_of(conn, contractor)["waiting_message_id"] == waiting


@pytest.mark.parametrize(
    "ending",
    [
        {"dead_at": ago(hours=1), "dead_reason": "no_phone"},
        {"cancelled_at": ago(hours=1), "cancel_reason": "reply"},
        {"expired_at": ago(hours=1)},
    ],
)
def test_a_message_that_ended_unsent_is_no_contact(conn: Conn, ending: dict[str, Any]) -> None:
    contractor = make_contractor(conn)
    make_message(conn, contractor, **ending)

    row = facts_of(conn, contractor)

    assert (row["waiting_message_id"], row["last_message_id"]) == (None, None)


def test_at_sending_two_waiting_messages_do_not_block_one_another(conn: Conn) -> None:
    contractor = make_contractor(conn)
    first, second = make_message(conn, contractor), make_message(conn, contractor)

    assert facts_of(conn, contractor, sending=True, message_ids=[first])["waiting_message_id"] is None
    assert facts_of(conn, contractor, sending=True, message_ids=[second])["waiting_message_id"] is None


def test_at_sending_another_leased_message_counts_and_this_one_does_not(conn: Conn) -> None:
    contractor = make_contractor(conn)
    leased, waiting = make_message(conn, contractor, **LEASE), make_message(conn, contractor)

    assert facts_of(conn, contractor, sending=True, message_ids=[leased])["waiting_message_id"] is None
    assert facts_of(conn, contractor, sending=True, message_ids=[waiting])["waiting_message_id"] == leased


def test_at_sending_the_message_itself_is_no_last_contact(conn: Conn) -> None:
    contractor = make_contractor(conn)
    itself = make_sent_message(conn, contractor)

    assert facts_of(conn, contractor, sending=True, message_ids=[itself])["last_message_id"] is None


ODD_TIMES = ["infinity", "-infinity", "9999-12-31 23:59:59", "10000-01-01", "0044-03-15 BC"]


@pytest.mark.parametrize("when", ODD_TIMES)
def test_a_pause_until_a_time_that_no_calendar_has_is_one_without_an_end(conn: Conn, when: str) -> None:
    contractor = make_contractor(conn, ai_proactive_paused=True, ai_pause_until=when, timezone=awake(conn))
    batch = make_batch(conn)
    decision = make_candidate(conn, batch, contractor)
    other = make_candidate(conn, batch, make_contractor(conn, timezone=awake(conn)))

    paused, free = screened(conn, batch, decision, other)

    assert [(reason["reason"], reason["observed"]) for reason in paused["reasons"]] == [("paused", "no end")]
    assert free["reasons"] == []


@pytest.mark.parametrize("when", ODD_TIMES)
def test_a_message_sent_at_such_a_time_ends_no_batch(conn: Conn, when: str) -> None:
    contractor = make_contractor(conn, timezone=awake(conn))
    make_sent_message(conn, contractor, sent_at=when)
    batch = make_batch(conn)
    decision = make_candidate(conn, batch, contractor)
    other = make_candidate(conn, batch, make_contractor(conn, timezone=awake(conn)))

    (mine, free) = screened(conn, batch, decision, other)

    early = when.startswith("-") or when.endswith("BC")
    assert said(mine) == (set() if early else {"gap"})
    assert free["reasons"] == []


def test_a_candidate_against_whom_nothing_speaks_stays_undecided(conn: Conn) -> None:
    batch = make_batch(conn)
    decision = make_candidate(conn, batch, make_contractor(conn, timezone=awake(conn)))

    (row,) = screened(conn, batch, decision)

    assert row["screened_at"] is not None
    assert (row["verdict"], row["decided_at"], row["reasons"], row["not_before"]) == (None, None, [], None)


def test_every_reason_is_written_down_with_what_was_seen_and_the_limit(conn: Conn) -> None:
    contractor = make_contractor(conn, phone=None, ai_proactive_paused=True, timezone=awake(conn))
    make_sent_message(conn, contractor, sent_at=ago(hours=1))
    make_message(conn, contractor)
    make_trust(conn, contractor, 5)
    batch = make_batch(conn)
    decision = make_candidate(conn, batch, contractor, changed_since=True)

    (row,) = screened(conn, batch, decision)

    assert said(row) == {"no_phone", "paused", "undelivered", "gap", "low_trust", "changed_since"}
    assert all(set(reason) >= {"reason", "observed", "limit"} for reason in row["reasons"])
    assert row["verdict"] == "blocked"
    assert known_of(conn, decision)["trust_score"] == 5
    assert known_of(conn, decision)["has_phone"] is False


def test_a_block_that_clears_by_itself_says_when_to_look_again(conn: Conn) -> None:
    sent_at = ago(hours=1)
    contractor = make_contractor(conn, timezone=awake(conn))
    make_sent_message(conn, contractor, sent_at=sent_at)
    batch = make_batch(conn)
    decision = make_candidate(conn, batch, contractor)

    (row,) = screened(conn, batch, decision)

    assert (row["verdict"], row["retry_at"]) == ("blocked", sent_at + timedelta(hours=48))


def test_a_block_that_does_not_clear_by_itself_says_nothing_of_the_kind(conn: Conn) -> None:
    contractor = make_contractor(conn, phone=None, timezone=awake(conn))
    make_sent_message(conn, contractor, sent_at=ago(hours=1))
    batch = make_batch(conn)
    decision = make_candidate(conn, batch, contractor)

    (row,) = screened(conn, batch, decision)

    assert row["retry_at"] is None


def test_at_night_a_candidate_stays_in_the_race_with_its_first_moment(conn: Conn) -> None:
    batch = make_batch(conn)
    decision = make_candidate(conn, batch, make_contractor(conn, timezone=asleep(conn)))

    (row,) = screened(conn, batch, decision)

    assert (row["verdict"], said(row)) == (None, {"quiet_hours"})
    assert timedelta(hours=6) < row["not_before"] - row["screened_at"] < timedelta(hours=8)


def test_a_first_moment_that_is_too_far_ahead_postpones(conn: Conn) -> None:
    batch = make_batch(conn)
    decision = make_candidate(conn, batch, make_contractor(conn, timezone=asleep(conn)))

    (row,) = screened(conn, batch, decision, postpone_at_most_hours=1)

    assert row["verdict"] == "postponed"
    assert row["retry_at"] == row["not_before"]


def test_of_two_triggers_the_loser_is_outranked_by_the_winner_and_keeps_its_other_reasons(conn: Conn) -> None:
    contractor, batch = make_contractor(conn, timezone=asleep(conn)), make_batch(conn)
    weak = make_candidate(conn, batch, contractor, priority=50, trigger_name="stalled_goal")
    strong = make_candidate(conn, batch, contractor, priority=80, trigger_name="milestone_achieved")

    lost, won = screened(conn, batch, weak, strong)

    assert (lost["verdict"], said(lost)) == ("outranked", {"outranked", "quiet_hours"})
    assert (won["verdict"], said(won)) == (None, {"quiet_hours"})
    assert f"milestone_achieved (decision {strong})" in str(lost["reasons"])


def test_a_promised_message_goes_beside_a_proactive_one_and_within_the_gap(conn: Conn) -> None:
    contractor, batch = make_contractor(conn, timezone=awake(conn)), make_batch(conn)
    make_sent_message(conn, contractor, sent_at=ago(hours=1))
    make_trust(conn, contractor, 5)
    promised = make_decision(conn, batch, contractor, promised=True, priority=10)
    proactive = make_candidate(conn, batch, contractor, priority=90)

    first, second = screened(conn, batch, promised, proactive)

    assert (first["verdict"], first["reasons"]) == (None, [])
    assert (second["verdict"], said(second)) == ("blocked", {"gap", "low_trust"})


@pytest.mark.parametrize("stored", ["+12125550123", "(212) 555-0123", "555-0123", "0123", "+99 2125550123"])
def test_the_ledger_holds_no_piece_of_a_number(conn: Conn, stored: str) -> None:
    contractor = make_contractor(conn, phone=stored, ai_proactive_paused=True)
    batch = make_batch(conn)
    decision = make_candidate(conn, batch, contractor)

    (row,) = screened(conn, batch, decision)

    known = known_of(conn, decision)
    written = f"{known} {row['reasons']}"
    assert "phone" not in known
    assert "555" not in written.replace(str(contractor), "")
    assert "0123" not in written


def test_screening_again_changes_nothing(conn: Conn) -> None:
    contractor, batch = make_contractor(conn, timezone=awake(conn)), make_batch(conn)
    decision = make_candidate(conn, batch, contractor)
    before = screened(conn, batch, decision)
    conn.execute("UPDATE contractors SET phone = NULL")

    assert screened(conn, batch, decision) == before


def test_another_batch_is_left_alone_also_where_it_found_the_same_person(conn: Conn) -> None:
    mine, other, contractor = make_batch(conn), make_batch(conn), make_contractor(conn)
    found = make_candidate(conn, mine, contractor)
    left = make_candidate(conn, other, contractor)

    screen_recipients(conn, mine, Settings(), consent_needed=False)

    assert [row["id"] for row in conn.execute("SELECT id FROM ige_decisions")] == [found]
    assert [row["id"] for row in conn.execute("SELECT id FROM ige_batch_candidates")] == [left]


def test_what_was_decided_in_this_batch_competes_with_nobody_when_it_is_found_again(conn: Conn) -> None:
    batch, contractor = make_batch(conn), make_contractor(conn, timezone=awake(conn))
    first = make_candidate(conn, batch, contractor, dedupe_key="same")
    screened(conn, batch, first)
    make_candidate(conn, batch, contractor, dedupe_key="same")

    screen_recipients(conn, batch, Settings(), consent_needed=False)

    assert fetch(conn, "ige_decisions", first)["verdict"] is None
    assert conn.execute("SELECT FROM ige_decisions").rowcount == 1
    assert conn.execute("SELECT FROM ige_batch_candidates").rowcount == 0


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(counts=st.lists(st.integers(1, 5), max_size=12), at_once=st.integers(1, 7))
def test_nobody_is_cut_in_two_and_nobody_left_out(conn: Conn, counts: list[int], at_once: int) -> None:
    with conn.transaction(force_rollback=True):
        batch = make_batch(conn)
        for contractor, count in enumerate(counts, start=1):
            make_decision(conn, batch, contractor, promised=True)
            for _ in range(count - 1):
                make_candidate(conn, batch, contractor)

        spans = cut(conn, batch, at_once=at_once)
        pieces = list(pieces_of(conn, batch, spans))

    assert bool(spans) is bool(counts)
    assert all(one.last + 1 == other.first for one, other in pairwise(spans))
    assert (not spans) or (spans[0].first, spans[-1].last) == (EVERYBODY.first, EVERYBODY.last)
    assert sum(len(piece.promised_ids) for piece in pieces) == len(counts)
    for span in spans:
        assert 0 < sum(counts[max(span.first, 1) - 1 : max(min(span.last, len(counts)), 0)]) < at_once + 5


def test_a_screening_that_broke_off_goes_on_where_it_was_on_several_connections(database_url: str) -> None:
    with connect(database_url) as conn, connect(database_url) as beside:
        batch, zone = make_batch(conn), awake(conn)
        found = [make_candidate(conn, batch, make_contractor(conn, timezone=zone)) for _ in range(7)]
        conn.execute("CREATE FUNCTION break_off() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''Broken.''; END'")
        conn.execute("CREATE TRIGGER breaks BEFORE INSERT ON ige_decisions FOR EACH ROW "
                     f"WHEN (NEW.id = {found[4]}) EXECUTE FUNCTION break_off()")  # fmt: skip

        with pytest.raises(psycopg.errors.RaiseException):
            screen_recipients(conn, batch, Settings(), consent_needed=False, at_once=2)
        conn.execute("DROP TRIGGER breaks ON ige_decisions")
        assert count_verdicts(conn, batch) == {"undecided": 4}
        screen_recipients(conn, batch, Settings(), consent_needed=False, beside=[beside], at_once=2)

        assert [row["id"] for row in conn.execute("SELECT id FROM ige_decisions ORDER BY id")] == found
        assert conn.execute("SELECT FROM ige_batch_candidates").rowcount == 0
        assert count_verdicts(conn, batch) == {"undecided": 7}


def test_numbers_read_on_one_connection_while_the_other_looks_who_shares_one_are_shared_too(database_url: str) -> None:
    with connect(database_url) as conn, connect(database_url) as beside:
        batch, zone = make_batch(conn), awake(conn)
        written_to, alike = (
            make_contractor(conn, timezone=zone, phone=number) for number in ("+13055550121", "(305) 555-0121")
        )
        make_sent_message(conn, written_to, sent_at=ago(hours=1))
        found = [make_candidate(conn, batch, contractor) for contractor in (written_to, alike)]

        screen_recipients(conn, batch, Settings(), consent_needed=False, beside=[beside], at_once=1)

        said = [fetch(conn, "ige_decisions", each)["reasons"] for each in found]
    assert all("gap" in {reason["reason"] for reason in reasons} for reasons in said)


def test_only_one_run_at_a_time_is_at_work_on_a_batch(database_url: str) -> None:
    with connect(database_url) as conn, connect(database_url) as other:
        batch = make_batch(conn)

        with alone_with(conn, batch):
            held = one(other.execute("SELECT pg_try_advisory_lock(hashtext('ige_batch'), %s) AS mine", [batch.id]))
        free = one(other.execute("SELECT pg_try_advisory_lock(hashtext('ige_batch'), %s) AS mine", [batch.id]))

    assert (held["mine"], free["mine"]) == (False, True)


def test_shards_of_one_batch_are_seen_to_side_by_side_but_each_by_one_run_and_not_beside_the_whole(
    database_url: str,
) -> None:
    asked = "SELECT pg_try_advisory_lock(hashtext('ige_batch'), %s) AS mine"
    with connect(database_url) as conn, connect(database_url) as beside, connect(database_url) as third:
        batch = make_batch(conn)

        with alone_with(conn, batch, shard="one"), alone_with(beside, batch, shard="two"):
            whole = one(third.execute(asked, [batch.id]))["mine"]
            third.execute("SET lock_timeout = '10ms'")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                third.execute(load("ige_pipeline.ledger", "batch.sql")["take_shard"], batch.key | {"shard": "one"})

    assert whole is False


def test_a_span_is_known_by_its_name() -> None:
    for span in (EVERYBODY, Span(first=5), Span(last=7), Span(5, 7), Span(-9, -2)):
        assert span_of(str(span)) == span
    with pytest.raises(ValueError, match="names no span"):
        span_of("contractors_1")


def test_before_the_safeguards_have_looked_a_candidate_is_told_as_undecided(conn: Conn) -> None:
    batch, contractor = make_batch(conn), make_contractor(conn)
    candidate = make_candidate(conn, batch, contractor)
    query = "SELECT decision_id, verdict, why_due FROM ige_why WHERE contractor_id = %s"

    before = conn.execute(query, [contractor]).fetchall()
    screened(conn, batch)

    assert [(row["decision_id"], row["verdict"]) for row in before] == [(candidate, "undecided")]
    assert [row["decision_id"] for row in conn.execute(query, [contractor])] == [candidate]


def test_what_older_code_knew_of_somebody_is_told_as_ours_is(conn: Conn) -> None:
    batch, contractor = make_batch(conn), make_contractor(conn)
    older = make_decision(conn, batch, contractor, recipient_facts={"trust_score": 31, "timezone": "Asia/Tokyo"})

    assert known_of(conn, older) == {"trust_score": 31, "timezone": "Asia/Tokyo"}


def test_what_older_code_found_and_nobody_has_looked_at_is_told_and_closed(conn: Conn) -> None:
    batch, contractor = make_batch(conn), make_contractor(conn)
    left = make_candidate(conn, batch, contractor)
    conn.execute("INSERT INTO ige_candidates SELECT * FROM ige_batch_candidates")
    conn.execute("DELETE FROM ige_batch_candidates")
    query = "SELECT decision_id, verdict FROM ige_why_undecided WHERE contractor_id = %s"

    before = conn.execute(query, [contractor]).fetchall()
    (row,) = screened(conn, batch, left)

    assert [each["decision_id"] for each in before] == [left]
    assert row["screened_at"] is not None
    assert conn.execute("SELECT FROM ige_candidates").rowcount == 0


def test_a_batch_says_how_it_stands_and_which_safeguards_spoke(conn: Conn) -> None:
    batch, zone = make_batch(conn), awake(conn)
    make_candidate(conn, batch, make_contractor(conn, timezone=zone))
    for _ in range(2):
        make_candidate(conn, batch, make_contractor(conn, timezone=zone, phone=None))

    screen_recipients(conn, batch, Settings(), consent_needed=False)

    assert count_verdicts(conn, batch) == {"blocked": 2, "undecided": 1}
    assert count_reasons(conn, batch) == {"no_phone": 2}


def test_facts_come_once_for_each_candidate_in_the_types_that_the_safeguards_read(conn: Conn) -> None:
    contractor = make_contractor(conn)
    asked = [{"contractor_id": contractor, "place": place} for place in (1, 2)]

    frame = with_facts(conn, asked, Settings())

    assert list(frame["place"]) == [1, 2]
    times = ["paused_until", "last_sent_at", "recent_last_sent_at", "asked_at"]
    assert {str(frame[column].dt.tz) for column in times} == {"UTC"}
