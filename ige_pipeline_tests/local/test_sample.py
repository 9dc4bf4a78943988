"""The sample: at any hour there is somebody to write to, and everybody's situation is what it says."""

from datetime import UTC, datetime, timedelta
from typing import Any

import phonenumbers
import psycopg
import pytest
from psycopg.rows import DictRow

from ige_pipeline.local import sample

Conn = psycopg.Connection[DictRow]

# A winter and a summer day, and days on which Europe, America or the south change their clocks.
DAYS = [(2026, 1, 14), (2026, 7, 15), (2026, 3, 8), (2026, 3, 29), (2026, 4, 5), (2026, 10, 25), (2026, 11, 1)]

TRIGGERED = """
SELECT c.email
  FROM contractors c
  JOIN ai_concierge_goals g ON g.contractor_id = c.id
  LEFT JOIN ai_concierge_checklist_items i ON i.goal_id = g.id
 WHERE (g.priority_score >= 7 AND i.status = 'pending')
    OR (g.priority_score >= 5 AND g.updated_at <= now() - interval '7 days')
    OR i.completed_at > now() - interval '2 days'
"""

BLOCKED = """
SELECT c.email
  FROM contractors c
  LEFT JOIN LATERAL (SELECT array_agg(recent.response_received_at IS NULL) AS silent, max(recent.sent_at) AS last_at
                       FROM (SELECT * FROM ai_proactive_messages m
                              WHERE m.contractor_id = c.id ORDER BY sent_at DESC LIMIT 3) recent) m ON true
 WHERE c.phone IS NULL
    OR length(c.phone) < 7
    OR (c.ai_proactive_paused AND c.ai_pause_until > now())
    OR m.last_at > now() - interval '48 hours'
    OR (m.silent = '{t,t,t}' AND m.last_at > now() - interval '7 days')
    OR EXISTS (SELECT FROM ai_trust_indicators t WHERE t.contractor_id = c.id AND t.cumulative_trust_score < 20)
"""


def emails(conn: Conn, query: str) -> set[str]:
    return {row["email"] for row in conn.execute(query)}


def count(conn: Conn, table: str) -> int:
    row = conn.execute(f"SELECT count(*) AS n FROM {table}").fetchone()  # noqa: S608 - a name written in the test
    return int(row["n"]) if row else 0


@pytest.mark.parametrize("day", DAYS)
@pytest.mark.parametrize("hour", range(24))
def test_at_any_hour_at_least_twelve_due_ones_are_awake(day: tuple[int, int, int], hour: int) -> None:
    start = datetime(*day, hour, tzinfo=UTC)

    for minutes in (0, 29, 30, 59):
        now = start + timedelta(minutes=minutes)
        up = [person for person in sample.due_people() if sample.awake(person.zone, now=now)]

        assert len(up) >= 12


def test_the_due_ones_are_due_in_the_database_and_nothing_stands_in_their_way(conn: Conn) -> None:
    sample.load(conn)

    assert emails(conn, TRIGGERED) - emails(conn, BLOCKED) == {person.email for person in sample.due_people()}


def test_a_database_with_contractors_is_left_as_it_is(conn: Conn) -> None:
    first = sample.load(conn)
    second = sample.load(conn)

    assert (first, second) == (len(sample.people()), 0)
    assert count(conn, "contractors") == first


def test_nothing_waits_to_be_adopted_or_looks_like_the_old_worker_at_work(conn: Conn) -> None:
    sample.load(conn)

    row = conn.execute(
        "SELECT count(*) FILTER (WHERE sent_at IS NULL) AS unsent, max(sent_at) < now() - interval '1 h'"
        " AS long_ago FROM ai_proactive_messages"
    ).fetchone()
    assert row == {"unsent": 0, "long_ago": True}


@pytest.mark.parametrize("hour", range(24))
def test_whoever_comes_along_later_is_due_and_awake(hour: int) -> None:
    now = datetime(2026, 3, 8, hour, 30, tzinfo=UTC)

    newly = sample.newcomers(number=59, count=4, now=now)

    assert len({person.email for person in newly}) == 4
    assert all(sample.awake(person.zone, now=now) for person in newly)
    assert newly == sample.newcomers(number=59, count=4, now=now)


def test_newcomers_are_new_at_each_start(conn: Conn) -> None:
    sample.load(conn)
    before = emails(conn, TRIGGERED) - emails(conn, BLOCKED)

    added = [sample.add_newly_due(conn), sample.add_newly_due(conn, count=3)]

    assert added == [4, 3]
    assert len(emails(conn, TRIGGERED) - emails(conn, BLOCKED)) == len(before) + 7


def test_no_two_people_share_a_number_or_an_address() -> None:
    now = datetime(2026, 5, 1, tzinfo=UTC)
    everybody = [*sample.people(), *sample.newcomers(number=59, count=900, now=now)]
    phones = [person.phone for person in everybody if len(person.phone) > 2]

    assert len(set(phones)) == len(phones)
    assert len({person.email for person in everybody}) == len(everybody)


def test_every_number_is_made_up_and_yet_could_be_dialled() -> None:
    for person in sample.due_people():
        number = phonenumbers.parse(person.phone, "US")

        kept_for_fiction = (
            "-555-01",
            "555-01",
            "+44-20-7946-0",
            "+49-30-23125-",
            "+33-1-99-00-",
            "+61-8-5550-01",
            "+61-7-5550-01",
        )
        made_up = any(part in person.phone for part in kept_for_fiction) or not phonenumbers.is_valid_number(number)
        dialled = phonenumbers.is_possible_number_with_reason(number)
        local = phonenumbers.ValidationResult.IS_POSSIBLE_LOCAL_ONLY
        assert made_up
        assert dialled in (phonenumbers.ValidationResult.IS_POSSIBLE, local)


@pytest.mark.parametrize("person", sample.people(), ids=lambda person: person.email)
def test_everything_said_of_a_person_fits_into_an_sms(person: Any) -> None:
    trade = sample.data()["trades"][person.trade]

    words = " ".join([person.first_name, person.company, trade["goal"], trade["next"], *trade["items"]])

    assert words.isascii()
    assert all(len(item) <= 50 for item in trade["items"])
