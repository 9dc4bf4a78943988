"""The first text to a number, and one every 30 days, says who writes and how to opt out; styles follow the answers."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import psycopg
import pytest
from psycopg.rows import DictRow

from ige_pipeline.delivery.promise import no_longer_wanted
from ige_pipeline.delivery.schedule import schedule_messages
from ige_pipeline.generation import template, voice
from ige_pipeline.generation.generate import generate_messages
from ige_pipeline.generation.variants import STYLES, Templates
from ige_pipeline.safeguards.phonebook import read_numbers
from ige_pipeline.safeguards.review import screen_content
from ige_pipeline.settings import Settings
from ige_pipeline_tests.factories import (
    ago,
    fetch,
    make_batch,
    make_contractor,
    make_decision,
    make_sent_message,
)

Conn = psycopg.Connection[DictRow]

SETTINGS = Settings(sender_name="Acme Concierge")
NOTICE = " - Acme Concierge. Reply STOP to opt out"


@pytest.fixture
def conn(shared_conn: Conn) -> Iterator[Conn]:
    with shared_conn.transaction(force_rollback=True):
        yield shared_conn


@pytest.fixture(scope="module")
def templates() -> Templates:
    return template.load()


def write_to(conn: Conn, contractor: int, templates: Templates, settings: Settings = SETTINGS, **over: Any) -> DictRow:
    """Let a batch write to somebody and put it into the outbox; return the message."""
    read_numbers(conn, [contractor], region="US")
    batch = make_batch(conn)
    decision = make_decision(conn, batch, contractor, screened_at=ago(minutes=1), **over)
    generate_messages(conn, batch, settings, templates=templates, model=None)
    screen_content(conn, batch, settings, templates=templates)
    schedule_messages(conn, batch, settings)
    return fetch(conn, "ai_proactive_messages", fetch(conn, "ige_decisions", decision)["message_id"])


def sent(conn: Conn, message: DictRow, at: datetime) -> None:
    conn.execute("UPDATE ai_proactive_messages SET sent_at = %s WHERE id = %s", [at, message["id"]])


def test_the_first_text_to_a_number_says_it_and_the_next_ones_do_not_for_thirty_days(
    conn: Conn, templates: Templates
) -> None:
    contractor = make_contractor(conn)
    first = write_to(conn, contractor, templates)
    sent(conn, first, ago(days=29))
    second = write_to(conn, contractor, templates)
    sent(conn, second, ago(days=3))
    sent(conn, first, ago(days=31))
    third = write_to(conn, contractor, templates)

    assert first["message_content"].endswith(NOTICE)
    assert "STOP" not in second["message_content"]
    assert third["message_content"].endswith(NOTICE)
    assert third["message_content"].count("STOP") == 1
    assert [row["says_opt_out"] for row in (first, second, third)] == [True, False, True]


def test_a_text_that_was_not_sent_has_told_nobody(conn: Conn, templates: Templates) -> None:
    contractor = make_contractor(conn)
    first = write_to(conn, contractor, templates)
    conn.execute("UPDATE ai_proactive_messages SET expired_at = now() WHERE id = %s", [first["id"]])

    assert write_to(conn, contractor, templates)["message_content"].endswith(NOTICE)


def test_it_is_the_number_that_was_told_and_not_the_contractor(conn: Conn, templates: Templates) -> None:
    ada = make_contractor(conn, phone="+12125550170")
    sent(conn, write_to(conn, ada, templates), ago(days=5))
    same = make_contractor(conn, phone="(212) 555-0170")
    conn.execute("UPDATE contractors SET phone = '+12125550171' WHERE id = %s", [ada])

    assert "STOP" not in write_to(conn, same, templates)["message_content"]
    assert write_to(conn, ada, templates)["message_content"].endswith(NOTICE)


def test_a_text_without_it_is_not_sent_to_a_number_that_came_meanwhile(conn: Conn, templates: Templates) -> None:
    ada = make_contractor(conn, phone="+12125550170")
    sent(conn, write_to(conn, ada, templates), ago(days=5))
    message = write_to(conn, ada, templates, trigger_name="one_of_our_own")

    assert no_longer_wanted(conn, [message["id"]]) == {}
    conn.execute("UPDATE contractors SET phone = '+1 212 555 0172' WHERE id = %s", [ada])

    assert "changed_since" in str(no_longer_wanted(conn, [message["id"]]))


def test_a_promised_text_says_it_too_and_is_not_cut(conn: Conn, templates: Templates) -> None:
    words = "Hi {firstName}, " + "so it goes on and on. " * 13
    facts = {"template": words, "personalise": False}

    message = write_to(conn, make_contractor(conn), templates, promised=True, due_at=ago(minutes=1), facts=facts)

    told = fetch(conn, "ige_decisions", message["decision_id"])["reasons"]
    assert message["message_content"].startswith("Hi Ada, so it goes on")
    assert message["message_content"].endswith("on and on. - Acme Concierge. Reply STOP to opt out")
    assert [(each["reason"], each["observed"]) for each in told] == [("long_promise", "333 characters, 3 SMS")]


def test_a_text_that_leaves_no_room_for_it_gives_way_to_another(conn: Conn, templates: Templates) -> None:
    batch, contractor = make_batch(conn), make_contractor(conn)
    text = "Hi Ada, how did the call go? " + "It is good to hear from you about it. " * 7
    assert 260 < len(text.strip()) <= 300
    model = {"draft": text.strip(), "draft_source": "model:gpt-4o-mini", "screened_at": ago(minutes=1)}
    decision = make_decision(conn, batch, contractor, **model)

    screen_content(conn, batch, SETTINGS, templates=templates)

    row = fetch(conn, "ige_decisions", decision)
    assert row["fallback_reason"] == "rejected: too_long, too_many_segments"
    assert row["draft"].endswith(NOTICE)


def test_a_text_may_name_the_sender(conn: Conn, templates: Templates) -> None:
    batch = make_batch(conn)
    model = {"draft_source": "model:gpt-4o-mini", "screened_at": ago(minutes=1)}
    text = "Hi Ada, this is Acme Concierge. How did the call go?"
    decision = make_decision(conn, batch, make_contractor(conn), draft=text, **model)

    screen_content(conn, batch, SETTINGS, templates=templates)

    assert fetch(conn, "ige_decisions", decision)["draft"] == f"{text} Reply STOP to opt out"


def test_a_contractor_hears_the_style_that_it_answers_once_there_is_evidence(conn: Conn, templates: Templates) -> None:
    contractor = make_contractor(conn)
    mine = voice.own(contractor)
    other = next(style for style in STYLES if style != mine)
    silence = {"contractor_response": None, "response_received_at": None}
    for day in range(3):
        make_sent_message(conn, contractor, sent_at=ago(days=100 + day), text_style=mine, **silence)
    make_sent_message(conn, contractor, sent_at=ago(days=60), text_style=other)
    # Nobody can have answered this one yet, so it is no evidence.
    make_sent_message(conn, contractor, sent_at=ago(hours=1), text_style=other, **silence)
    early = Settings(min_gap_hours=0, style_evidence=5)

    before = write_to(conn, contractor, templates, early)
    sent(conn, before, ago(hours=60))
    after = write_to(conn, contractor, templates, early)

    assert [before["text_style"], after["text_style"]] == [mine, other]
    assert write_to(conn, make_contractor(conn), templates, Settings(style=other))["text_style"] == other
