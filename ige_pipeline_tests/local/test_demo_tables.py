"""What the demo tells: everyone appears once, with the reason, and no number is shown whole."""

from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import psycopg
import pytest
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb
from rich.console import Console

from ige_pipeline.local import demo_tables

Conn = psycopg.Connection[DictRow]


def make_contractor(conn: Conn, name: str, phone: str | None = "+1-305-555-0112") -> int:
    row = conn.execute(
        "INSERT INTO contractors (first_name, phone, company_name, timezone) VALUES (%s, %s, '[Roofing]', 'Asia/Tokyo')"
        " RETURNING id",
        [name, phone],
    ).fetchone()
    assert row
    return int(row["id"])


def make_message(conn: Conn, contractor_id: int, **overrides: Any) -> int:
    values = {"sent_at": None, "not_before": None, "last_error": None, **overrides}
    row = conn.execute(
        "INSERT INTO ai_proactive_messages"
        " (contractor_id, message_type, message_content, sent_at, not_before, last_error)"
        " VALUES (%(contractor_id)s, 'check_in', 'How is it going?', %(sent_at)s, %(not_before)s, %(last_error)s)"
        " RETURNING id",
        {"contractor_id": contractor_id, **values},
    ).fetchone()
    assert row
    return int(row["id"])


def make_decision(conn: Conn, contractor_id: int, **overrides: Any) -> None:
    values = {"verdict": "scheduled", "message_id": None, "reasons": Jsonb([]), "trigger": "stalled_goal", **overrides}
    conn.execute(
        "INSERT INTO ige_decisions (decided_on, batch_id, contractor_id, trigger_name, message_type, priority,"
        " dedupe_key, reason, reasons, verdict, decided_at, message_id)"
        " VALUES (current_date, 1, %(contractor_id)s, %(trigger)s, 'check_in', 50, %(key)s,"
        " 'Goal #3 is quiet.', %(reasons)s, %(verdict)s, now(), %(message_id)s)",
        {"contractor_id": contractor_id, "key": f"{values['trigger']}:{contractor_id}", **values},
    )


def told(conn: Conn, *, width: int = 200) -> tuple[int, str]:
    out = StringIO()
    now = conn.execute("SELECT now() AS now").fetchone()
    assert now
    since: datetime = now["now"] - timedelta(minutes=1)
    sent = demo_tables.show(Console(file=out, width=width), conn, batch_id=1, since=since)
    return sent, out.getvalue()


def test_a_sent_message_is_told_with_its_reason_and_a_masked_number(conn: Conn) -> None:
    maria = make_contractor(conn, "Maria")
    make_decision(conn, maria, message_id=make_message(conn, maria, sent_at=datetime.now()))  # noqa: DTZ005 - as NOW()
    conn.execute("UPDATE ai_proactive_messages SET sent_at = now()")

    sent, text = told(conn)

    assert sent == 1
    assert all(words in text for words in ("Written to: 1", "Maria", "[Roofing]", "Goal #3 is quiet.", "…0112"))
    assert "555" not in text


def test_everyone_is_told_with_the_number_that_ige_why_wants(conn: Conn) -> None:
    maria = make_contractor(conn, "Maria")

    _, text = told(conn)

    assert f"#{maria} [Roofing]" in text


def test_a_masked_number_stays_in_one_piece_on_a_narrow_terminal(conn: Conn) -> None:
    make_contractor(conn, "Maria", phone="+1-718-555-0147")

    _, text = told(conn, width=80)

    assert "…0147" in text


def test_a_message_for_later_is_told_in_the_contractors_own_time(conn: Conn) -> None:
    yuki = make_contractor(conn, "Yuki")
    make_decision(conn, yuki, message_id=make_message(conn, yuki, not_before="2026-11-23T23:00Z"))

    sent, text = told(conn)

    assert sent == 0
    assert "Tue 08:00 Asia/Tokyo" in text
    assert "Not written to this time: 0" in text


def test_somebody_who_was_blocked_is_told_once_with_every_reason(conn: Conn) -> None:
    earl = make_contractor(conn, "Earl")
    ignored = {"reason": "ignored", "observed": 3, "limit": 3}
    trust = {"reason": "low_trust", "observed": 12, "limit": 20}
    make_decision(conn, earl, verdict="blocked", reasons=Jsonb([ignored, trust]))
    make_decision(conn, earl, verdict="blocked", reasons=Jsonb([ignored, trust]), trigger="high_priority_goal")

    _, text = told(conn)

    assert text.count("Earl") == 1
    assert text.count(demo_tables.sentence(ignored)) == 1
    assert text.count(demo_tables.sentence(trust)) == 1


def test_a_message_that_died_on_its_way_is_told(conn: Conn) -> None:
    vera = make_contractor(conn, "Vera")
    message = make_message(conn, vera)
    make_decision(conn, vera, message_id=message)
    conn.execute("UPDATE ai_proactive_messages SET dead_at = now(), dead_reason = 'status_400'")

    _, text = told(conn)

    assert "Not written to this time: 1" in text
    assert "status 400" in text


def test_those_for_whom_nothing_is_due_are_told_up_to_a_dozen(conn: Conn) -> None:
    for number in range(14):
        make_contractor(conn, f"Person {number}", phone=None)

    _, text = told(conn)

    assert text.count("no trigger fires for them") == 12
    assert "and 2 more" in text


@pytest.mark.parametrize(
    ("phone", "shown"),
    [("+1-305-555-0112", "…0112"), ("555-0123", "…0123"), ("0123", "…"), ("12", "…"), ("", "none"), (None, "none")],
)
def test_a_number_is_masked_to_its_last_four_digits(phone: str | None, shown: str) -> None:
    assert demo_tables.masked(phone) == shown


def test_figures_and_moments_of_a_reason_are_told_as_a_person_reads_them() -> None:
    assert "10 h" in demo_tables.sentence({"reason": "gap", "observed": 10.0, "limit": 48.0})
    paused = {"reason": "paused", "observed": "2026-11-30T21:38:11.123456+00:00", "limit": None}
    assert "Mon 30 Nov, 21:38 UTC" in demo_tables.sentence(paused)
