"""The safeguards of a recipient, and who wins, agree with a slow and obvious implementation on generated databases."""

import os
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from psycopg.rows import DictRow

from ige_pipeline.ledger.batch import Batch
from ige_pipeline.safeguards.screen import screen_recipients
from ige_pipeline.settings import Settings
from ige_pipeline_tests.agreement.people import NOW, THRESHOLDS, People, later, people
from ige_pipeline_tests.agreement.who_may_be_contacted import IN_WORDS, Asked, Said, Verdict, verdicts
from ige_pipeline_tests.agreement.writing import insert_rows, naive
from ige_pipeline_tests.factories import make_batch, one

Conn = psycopg.Connection[DictRow]

EXAMPLES = int(os.environ.get("IGE_TEST_EXAMPLES", "30"))
UTC = ZoneInfo("UTC")


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(there=people(), thresholds=THRESHOLDS, consent_needed=st.booleans(), at_once=st.sampled_from([1, 2, 15_000]))
def test_the_safeguards_say_of_everybody_what_the_rules_say(
    shared_conn: Conn,
    there: People,
    thresholds: Settings,
    consent_needed: bool,  # noqa: FBT001 - drawn
    at_once: int,
) -> None:
    conn = shared_conn
    with conn.transaction(force_rollback=True):
        conn.execute("SELECT set_config('timezone', 'UTC', true)")
        now = one(conn.execute("SELECT now() AS now"))["now"]
        asked = Asked(later(there, now - NOW), thresholds, now, consent_needed)
        batch = make_batch(conn)
        insert(conn, batch, asked.people)
        screen_recipients(conn, batch, thresholds, consent_needed=consent_needed, at_once=at_once)
        found = {row["subject_id"]: verdict(row) for row in conn.execute("SELECT * FROM ige_decisions")}

    expected = verdicts(asked)
    for reason in {said.reason for each in expected.values() for said in each.reasons}:
        event(reason)
    assert found == expected


def verdict(row: DictRow) -> Verdict:
    return Verdict(row["verdict"], frozenset(map(said, row["reasons"])), row["not_before"], row["retry_at"])


def said(reason: dict[str, Any]) -> Said:
    clears_at = reason.get("clears_at")
    told = {} if reason["reason"] in IN_WORDS else {name: reason[name] for name in ("observed", "limit")}
    return Said(reason["reason"], clears_at=clears_at and datetime.fromisoformat(clears_at), **told)


def insert(conn: Conn, batch: Batch, there: People) -> None:
    insert_rows(conn, "contractors", [_contractor(person) for person in there.persons])
    insert_rows(conn, "ai_proactive_messages", [_message(message) for message in there.messages])
    insert_rows(conn, "ai_trust_indicators", [_indicator(each) for each in there.indicators])
    insert_rows(conn, "ige_consents", [_consent(each) for each in there.consents])
    why = {"reason": "a reply", "source": "test", "suppressed_at": NOW.isoformat()}
    insert_rows(conn, "ige_suppressions", [{"phone_e164": number} | why for number in sorted(there.opted_out)])
    # As the triggers leave them: what was promised is in the ledger at once.
    insert_rows(
        conn, "ige_decisions", [_rival(batch, rival) | _promise(rival) for rival in there.rivals if rival.promised]
    )
    insert_rows(
        conn, "ige_batch_candidates", [_rival(batch, rival) | ASKED for rival in there.rivals if not rival.promised]
    )


def _contractor(person: Any) -> dict[str, Any]:
    return {
        "id": person.id,
        "phone": person.phone,
        "timezone": person.timezone,
        "ai_proactive_paused": person.paused,
        "ai_pause_until": _naive(person.paused_until),
    }


def _message(message: Any) -> dict[str, Any]:
    cancelled = message.cancelled and message.sent_at is None
    return {
        "id": message.id,
        "contractor_id": message.contractor_id,
        "message_type": message.message_type,
        "sent_at": _naive(message.sent_at),
        "response_received_at": _naive(message.sent_at) if message.answered else None,
        "source_message_type": "reminder" if message.promised else None,
        "cancelled_at": NOW.isoformat() if cancelled else None,
        "cancel_reason": "goal_closed" if cancelled else None,
        "priority": 50,
        "attempts": 0,
    }


def _indicator(each: Any) -> dict[str, Any]:
    return {
        "id": each.id,
        "contractor_id": each.contractor_id,
        "indicator_type": each.indicator_type,
        "cumulative_trust_score": each.score,
        "recorded_at": _naive(each.recorded_at),
    }


def _consent(each: Any) -> dict[str, Any]:
    return {
        "phone_e164": each.number,
        "basis": "said so",
        "source": "test",
        "given_at": each.given_at and each.given_at.isoformat(),
        "revoked_at": each.revoked_at and each.revoked_at.isoformat(),
    }


def _rival(batch: Batch, rival: Any) -> dict[str, Any]:
    return {
        "id": rival.id,
        "decided_on": batch.decided_on.isoformat(),
        "batch_id": batch.id,
        "contractor_id": rival.contractor_id,
        "trigger_name": "high_priority_goal",
        "message_type": rival.message_type,
        "priority": rival.priority,
        "urgency": rival.urgency,
        "changed_since": rival.changed_since,
        "subject_table": "ai_concierge_goals",
        "subject_id": rival.id,
        "occurrence": "first",
        "dedupe_key": f"high_priority_goal:ai_concierge_goals:{rival.id}:first",
        "reason": "A goal is open.",
        "facts": {},
    }


def _promise(rival: Any) -> dict[str, Any]:
    return {"source_message_type": "reminder", "promised": rival.promised, "due_at": NOW.isoformat()}


ASKED = {"dry_run": False, "created_at": NOW.isoformat()}


def _naive(moment: datetime | None) -> str | None:
    return naive(moment, UTC) if moment else None
