"""The sieve at sending says of nobody what the safeguards do not say, on generated databases."""

import os
from typing import Any

import psycopg
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from psycopg.rows import DictRow

from ige_pipeline.safeguards.facts import facts_at_sending
from ige_pipeline.safeguards.finding import Finding
from ige_pipeline.safeguards.phonebook import look_up
from ige_pipeline.safeguards.recipient import judge
from ige_pipeline.safeguards.sieve import ask_plain, told_plain
from ige_pipeline.settings import Settings
from ige_pipeline_tests.agreement.people import NOW, THRESHOLDS, People, later, people
from ige_pipeline_tests.agreement.test_who_may_be_contacted import insert
from ige_pipeline_tests.agreement.writing import insert_rows
from ige_pipeline_tests.factories import make_batch, one

Conn = psycopg.Connection[DictRow]

EXAMPLES = int(os.environ.get("IGE_TEST_EXAMPLES", "30"))
ABOUT_TO_GO = 1_000_000


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(there=people(), thresholds=THRESHOLDS, consent_needed=st.booleans(), promised=st.booleans())
def test_whoever_is_plain_has_nothing_against_them_but_the_hour(
    shared_conn: Conn,
    there: People,
    thresholds: Settings,
    consent_needed: bool,  # noqa: FBT001 - drawn
    promised: bool,  # noqa: FBT001 - drawn
) -> None:
    conn = shared_conn
    with conn.transaction(force_rollback=True):
        conn.execute("SELECT set_config('timezone', 'UTC', true)")
        now = one(conn.execute("SELECT now() AS now"))["now"]
        insert(conn, make_batch(conn), later(there, now - NOW))
        people_ids = [person.id for person in there.persons]
        insert_rows(conn, "ai_proactive_messages", [_about_to_go(each) for each in people_ids])
        expected = _judged(conn, people_ids, thresholds, consent_needed=consent_needed, promised=promised)
        message_ids = [ABOUT_TO_GO + each for each in people_ids]
        plain = ask_plain(conn, message_ids, people_ids, thresholds, consent_needed=consent_needed)
        told = told_plain(plain, thresholds)

    for each in people_ids:
        event("plain" if ABOUT_TO_GO + each in told else "judged")
    assert told == {message_id: expected[message_id - ABOUT_TO_GO] for message_id in told}


def _about_to_go(contractor_id: int) -> dict[str, Any]:
    return {
        "id": ABOUT_TO_GO + contractor_id,
        "contractor_id": contractor_id,
        "message_type": "check_in",
        "priority": 50,
        "attempts": 0,
    }


def _judged(
    conn: Conn, ids: list[int], thresholds: Settings, *, consent_needed: bool, promised: bool
) -> dict[int, list[Finding]]:
    sharing = look_up(conn, ids, region=thresholds.default_region)
    messages = [ABOUT_TO_GO + each for each in ids]
    facts = facts_at_sending(conn, ids, thresholds, sharing=sharing, message_ids=messages)
    beside = {
        "message_type": "check_in",
        "promised": promised,
        "changed_since": False,
        "consent_needed": consent_needed,
    }
    rows = [facts[each] | beside for each in ids]
    return dict(zip(ids, judge(rows, thresholds, now=rows[0]["asked_at"]), strict=True)) if rows else {}
