"""Opt-outs and consents are matched by number, however it is stored, and hold at every step up to the POST."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import psycopg
import pytest
from psycopg.rows import DictRow

from ige_pipeline.delivery.outcome import Cancelled, Postponed
from ige_pipeline.delivery.rescreen import rescreen
from ige_pipeline.environment import Environment
from ige_pipeline.loopback import is_loopback
from ige_pipeline.safeguards.batch_facts import with_facts
from ige_pipeline.safeguards.finding import Finding
from ige_pipeline.safeguards.phonebook import read_numbers
from ige_pipeline.safeguards.screen import screen, screen_recipients
from ige_pipeline.settings import Settings
from ige_pipeline_tests.delivery.fakes import awake, make_lease
from ige_pipeline_tests.factories import (
    ago,
    fetch,
    make_batch,
    make_contractor,
    make_decision,
    make_message,
    make_sent_message,
)

Conn = psycopg.Connection[DictRow]
NUMBER = "+13055550123"
SPELLINGS = [NUMBER, "(305) 555-0123", "305.555.0123", "1 305 555 0123", " +1-305-555-0123 "]
# Everything but the rights of contact.
CALM = {"state_rules": False, "min_gap_hours": 0, "cap_per_day": 0, "cap_per_week": 0, "cap_per_type_per_week": 0}


@pytest.fixture
def conn(shared_conn: Conn) -> Iterator[Conn]:
    with shared_conn.transaction(force_rollback=True):
        yield shared_conn


def somebody(conn: Conn, phone: str | None = NUMBER, **over: Any) -> int:
    return make_contractor(conn, phone=phone, **({"timezone": awake()} | over))


def twins(conn: Conn) -> tuple[int, int]:
    """Two contractors with one number, both read."""
    first, second = somebody(conn), somebody(conn, "(305) 555-0123")
    read_numbers(conn, [first, second], region="US")
    return first, second


def opt_out(conn: Conn, number: str = NUMBER, **over: Any) -> None:
    row = {"phone_e164": number, "reason": "STOP", "source": "sms", "lifted_at": None, "lifted_by": None} | over
    conn.execute(
        "INSERT INTO ige_suppressions (phone_e164, reason, source, lifted_at, lifted_by)"
        " VALUES (%(phone_e164)s, %(reason)s, %(source)s, %(lifted_at)s, %(lifted_by)s)",
        row,
    )


def consent(
    conn: Conn, number: str = NUMBER, *, given: datetime | None = None, revoked: datetime | None = None
) -> None:
    conn.execute(
        "INSERT INTO ige_consents (phone_e164, basis, source, given_at, revoked_at)"
        " VALUES (%s, 'signed the contractor agreement', 'form 12', %s, %s)",
        [number, given, revoked],
    )


def findings(
    conn: Conn, contractor: int, *, consent_needed: bool = False, promised: bool = False, **thresholds: Any
) -> list[Finding]:
    candidate = {
        "contractor_id": contractor,
        "message_type": "check_in",
        "promised": promised,
        "changed_since": False,
    }
    settings = Settings(**(CALM | thresholds))
    frame = with_facts(conn, [candidate], settings, consent_needed=consent_needed)
    return list(screen(frame, settings, now=frame["asked_at"].iloc[0].to_pydatetime()).get(0, []))


def reasons(conn: Conn, contractor: int, **over: Any) -> list[str]:
    return [finding.reason.value for finding in findings(conn, contractor, **over)]


@pytest.mark.parametrize("stored", SPELLINGS)
def test_an_opt_out_holds_under_every_spelling(conn: Conn, stored: str) -> None:
    opt_out(conn)

    assert reasons(conn, somebody(conn, stored)) == ["suppressed"]


def test_an_opt_out_holds_for_promised_messages_too(conn: Conn) -> None:
    opt_out(conn)

    assert reasons(conn, somebody(conn), promised=True) == ["suppressed"]


def test_an_opt_out_of_another_number_says_nothing(conn: Conn) -> None:
    opt_out(conn, "+13055550124")

    assert reasons(conn, somebody(conn)) == []


def test_an_opt_out_that_was_lifted_is_over(conn: Conn) -> None:
    opt_out(conn, lifted_at=ago(days=1), lifted_by="Grace")

    assert reasons(conn, somebody(conn)) == []


def test_a_local_number_may_be_any_opted_out_one_that_ends_alike(conn: Conn) -> None:
    local, other = somebody(conn, "555-0123"), somebody(conn, "556-0123")
    opt_out(conn)

    assert reasons(conn, local) == ["suppressed"]
    assert reasons(conn, other) == []


def test_a_lifted_opt_out_that_ends_alike_says_nothing(conn: Conn) -> None:
    opt_out(conn, lifted_at=ago(days=1), lifted_by="Grace")

    assert reasons(conn, somebody(conn, "555-0123")) == []


def test_no_finding_and_no_fact_shows_a_number(conn: Conn) -> None:
    contractor, batch = somebody(conn, "(305) 555-0123"), make_batch(conn)
    opt_out(conn, reason="STOP from 3055550123")
    decision = make_decision(conn, batch, contractor)

    screen_recipients(conn, batch, Settings())

    row = fetch(conn, "ige_decisions", decision)
    assert {reason["reason"] for reason in row["reasons"]} >= {"suppressed", "consent_unknown"}
    assert "0123" not in f"{row['reasons']} {row['recipient_known']}"


def test_at_sending_an_opt_out_cancels(conn: Conn) -> None:
    contractor = somebody(conn)
    message = make_message(conn, contractor)
    opt_out(conn)

    lease = make_lease(message_id=message, contractor_id=contractor)
    (outcome,) = rescreen(conn, [lease], Settings(), consent_needed=False)

    assert isinstance(outcome, Cancelled)


def test_a_number_that_was_changed_since_screening_is_read_at_sending(conn: Conn) -> None:
    contractor = somebody(conn, "+13055550199")
    opt_out(conn)
    assert reasons(conn, contractor) == []
    message = make_message(conn, contractor)
    conn.execute("UPDATE contractors SET phone = '305-555-0123' WHERE id = %s", [contractor])

    lease = make_lease(message_id=message, contractor_id=contractor)
    (outcome,) = rescreen(conn, [lease], Settings(), consent_needed=False)

    assert isinstance(outcome, Cancelled)


def test_without_a_consent_everybody_is_blocked_where_a_text_can_leave(conn: Conn) -> None:
    contractor = somebody(conn)

    assert reasons(conn, contractor, consent_needed=True) == ["consent_unknown"]
    assert reasons(conn, contractor, consent_needed=True, promised=True) == ["consent_unknown"]
    assert reasons(conn, contractor, consent_needed=False) == []


def test_a_basis_in_words_stands_for_all(conn: Conn) -> None:
    contractor = somebody(conn)

    assert reasons(conn, contractor, consent_needed=True, consent_basis="They all signed the agreement of 2024.") == []
    assert reasons(conn, contractor, consent_needed=True, consent_basis="   ") == ["consent_unknown"]


@pytest.mark.parametrize("stored", SPELLINGS)
def test_a_consent_that_was_given_holds_under_every_spelling(conn: Conn, stored: str) -> None:
    consent(conn, given=ago(days=3))

    assert reasons(conn, somebody(conn, stored), consent_needed=True) == []


@pytest.mark.parametrize("consent_needed", [True, False])
def test_a_revoked_consent_blocks_always(conn: Conn, *, consent_needed: bool) -> None:
    consent(conn, given=ago(days=3), revoked=ago(days=1))
    over = {"consent_needed": consent_needed, "consent_basis": "They all signed.", "promised": True}

    assert reasons(conn, somebody(conn), **over) == ["consent_revoked"]


def test_a_consent_given_again_after_it_was_revoked_holds(conn: Conn) -> None:
    consent(conn, given=ago(days=9), revoked=ago(days=5))
    consent(conn, given=ago(days=1))

    assert reasons(conn, somebody(conn), consent_needed=True) == []


def test_a_revocation_counts_whichever_row_it_stands_in(conn: Conn) -> None:
    consent(conn, given=ago(days=9), revoked=ago(hours=1))
    consent(conn, given=ago(days=5))

    assert reasons(conn, somebody(conn), consent_needed=True) == ["consent_revoked"]


def test_a_revocation_without_a_consent_counts(conn: Conn) -> None:
    consent(conn, revoked=ago(days=1))

    assert reasons(conn, somebody(conn)) == ["consent_revoked"]


def test_a_revocation_counts_for_a_local_number_that_ends_alike(conn: Conn) -> None:
    consent(conn, given=ago(days=2), revoked=ago(days=1))

    assert reasons(conn, somebody(conn, "555-0123")) == ["consent_revoked"]


def test_a_consent_of_a_number_that_ends_alike_is_not_one_for_a_local_number(conn: Conn) -> None:
    consent(conn, given=ago(days=2))

    assert reasons(conn, somebody(conn, "555-0123"), consent_needed=True) == ["consent_unknown"]


def test_a_consent_of_tomorrow_is_none_today(conn: Conn) -> None:
    consent(conn, given=ago(days=-1))

    assert reasons(conn, somebody(conn), consent_needed=True) == ["consent_unknown"]


def test_at_sending_an_unknown_consent_waits_and_a_revoked_one_cancels(conn: Conn) -> None:
    contractor = somebody(conn)
    lease = make_lease(message_id=make_message(conn, contractor), contractor_id=contractor)

    assert isinstance(rescreen(conn, [lease], Settings())[0], Postponed)
    consent(conn, revoked=ago(days=1))
    assert isinstance(rescreen(conn, [lease], Settings())[0], Cancelled)


def test_somebody_stored_twice_is_one_number(conn: Conn) -> None:
    first, second = twins(conn)
    make_sent_message(conn, first, sent_at=ago(hours=3))

    make_sent_message(conn, second, sent_at=ago(hours=60))

    assert reasons(conn, second, min_gap_hours=48) == ["gap"]
    assert reasons(conn, second, cap_per_day=1) == ["cap_day"]


def test_what_waits_for_one_waits_for_the_other(conn: Conn) -> None:
    first, second = twins(conn)
    make_message(conn, first)

    assert reasons(conn, second) == ["undelivered"]


@pytest.mark.parametrize(
    "place",
    [
        "http://127.0.0.1:5678/webhook/x",
        "http://localhost/x",
        "https://[::1]:8443/x",
        "127.0.0.1:5678",
        "LOCALHOST:80",
        "127.8.8.8",
    ],
)
def test_what_is_posted_to_this_machine_stays_on_it(place: str) -> None:
    assert is_loopback(place)


@pytest.mark.parametrize(
    "place",
    [
        None,
        "",
        "https://n8n.example.com/webhook/127.0.0.1",
        "http://127.0.0.1.example.com/x",
        "http://127.0.0.1@n8n.example.com/x",
        "http://localhost.example.com",
        "10.0.0.1:5678",
        "http://[::1",
        "192.168.1.7:80",
    ],
)
def test_any_other_address_may_send(place: str | None) -> None:
    assert not is_loopback(place)


@pytest.mark.parametrize(
    ("variables", "needed"),
    [
        ({}, True),
        ({"N8N_WEBHOOK_URL": "http://127.0.0.1:5678/x"}, False),
        ({"N8N_OUTBOUND_WEBHOOK_URL": "https://n8n.example.com/x", "N8N_WEBHOOK_URL": "http://127.0.0.1/x"}, True),
    ],
)
def test_whether_consent_is_needed_follows_the_webhook(variables: dict[str, str], *, needed: bool) -> None:
    assert Environment(variables).consent_needed is needed
