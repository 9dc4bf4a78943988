"""Rows for the tests: each function inserts one that is whole and unremarkable, with any column overridden, and returns
its id. A dict is written as JSON; a time may be aware whatever the column is."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from ige_pipeline.ledger.batch import Batch, open_batch

Conn = psycopg.Connection[DictRow]

_numbers = count(1)
_OLD_SYSTEM = Path(__file__).with_name("old_system.sql")


def ago(**amount: float) -> datetime:
    """Return the moment that lies so far back: `ago(hours=49)`."""
    return datetime.now(UTC) - timedelta(**amount)


def build_old_system(url: str) -> None:
    """Make the old system's tables and rows in an empty database."""
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(_OLD_SYSTEM.read_bytes())


def make_contractor(conn: Conn, **over: Any) -> int:
    """Somebody who may be written to, in a zone of their own, with a number that can be dialled."""
    number = next(_numbers)
    row = {
        "first_name": "Ada",
        "last_name": f"Builder{number}",
        "email": f"ada{number}@example.com",
        "phone": f"+1212555{number % 10_000:04d}",
        "company_name": "Ada Roofing",
        "timezone": "America/New_York",
        "ai_proactive_paused": False,
    }
    return insert(conn, "contractors", row | over)


def make_goal(conn: Conn, contractor_id: int | None, **over: Any) -> int:
    """An active goal of priority 8, begun 60 days ago and touched yesterday."""
    row = {
        "contractor_id": contractor_id,
        "goal_type": "growth",
        "goal_description": "Win two commercial contracts",
        "priority_score": 8,
        "current_progress": 40,
        "next_milestone": "Send the first bid",
        "status": "active",
        "created_at": ago(days=60),
        "updated_at": ago(days=1),
    }
    return insert(conn, "ai_concierge_goals", row | over)


def make_item(conn: Conn, goal_id: int | None, **over: Any) -> int:
    """A pending item of a goal and of the goal's contractor, written down 30 days ago."""
    row = {
        "goal_id": goal_id,
        "contractor_id": contractor_of(conn, goal_id),
        "checklist_item": "Call the two suppliers",
        "item_type": "action",
        "status": "pending",
        "created_at": ago(days=30),
        "updated_at": ago(days=30),
    }
    return insert(conn, "ai_concierge_checklist_items", row | over)


def make_trust(conn: Conn, contractor_id: int, score: int | None, **over: Any) -> int:
    """A trust indicator of 20 days ago that left the score where it says."""
    row = {
        "contractor_id": contractor_id,
        "indicator_type": "positive_feedback",
        "confidence_impact": 5,
        "cumulative_trust_score": score,
        "recorded_at": ago(days=20),
    }
    return insert(conn, "ai_trust_indicators", row | over)


def make_message(conn: Conn, contractor_id: int | None, **over: Any) -> int:
    """A message as the old application inserts it: still to be sent, nothing known but who, what and why."""
    row: dict[str, Any] = {
        "contractor_id": contractor_id,
        "message_type": "check_in",
        "message_content": "Hi Ada, how did the call with the suppliers go?",
        "ai_reasoning": "An item is open.",
        "context_data": {},
    }
    return insert(conn, "ai_proactive_messages", row | over)


def make_sent_message(conn: Conn, contractor_id: int, **over: Any) -> int:
    """A message that left ten days ago and was answered."""
    row = {
        "sent_at": ago(days=10),
        "created_at": ago(days=10),
        "contractor_response": "All good",
        "response_received_at": ago(days=9),
    }
    return make_message(conn, contractor_id, **(row | over))


def make_batch(conn: Conn, *, as_of: datetime | None = None, dry_run: bool = False, **over: Any) -> Batch:
    """An open batch with a root run of its own."""
    asked = {"root_run_id": f"run-{next(_numbers)}", "triggers": [], "settings": {}} | over
    return open_batch(conn, as_of=as_of, dry_run=dry_run, **asked)


def make_decision(conn: Conn, batch: Batch, contractor_id: int, **over: Any) -> int:
    """A candidate of a batch that nobody has looked at yet."""
    number = next(_numbers)
    row = {
        "decided_on": batch.decided_on,
        "batch_id": batch.id,
        "contractor_id": contractor_id,
        "trigger_name": "high_priority_goal",
        "message_type": "check_in",
        "priority": 70,
        "subject_table": "ai_concierge_goals",
        "subject_id": number,
        "occurrence": "first",
        "dedupe_key": f"high_priority_goal:ai_concierge_goals:{number}:first",
        "reason": f"Goal #{number} has priority 8 and an open checklist item.",
        "facts": {"goal": "Win two commercial contracts", "item": "Call the two suppliers"},
        "dry_run": batch.dry_run,
    }
    return insert(conn, "ige_decisions", row | over)


def make_candidate(conn: Conn, batch: Batch, contractor_id: int, **over: Any) -> int:
    """Somebody whom a trigger found and no safeguard has seen; its id is that of the decision to come."""
    number = next(_numbers)
    row = {
        "decided_on": batch.decided_on,
        "batch_id": batch.id,
        "contractor_id": contractor_id,
        "trigger_name": "high_priority_goal",
        "message_type": "check_in",
        "priority": 70,
        "urgency": 0,
        "subject_table": "ai_concierge_goals",
        "subject_id": number,
        "occurrence": "first",
        "dedupe_key": f"high_priority_goal:ai_concierge_goals:{number}:first",
        "reason": f"Goal #{number} has priority 8 and an open checklist item.",
        "facts": {"goal": "Win two commercial contracts", "item": "Call the two suppliers"},
        "changed_since": False,
        "dry_run": batch.dry_run,
    }
    return insert(conn, "ige_batch_candidates", row | over)


def make_reviewed_decision(conn: Conn, batch: Batch, contractor_id: int, **over: Any) -> int:
    """A candidate that passed every safeguard and whose text is ready to be scheduled."""
    row = {
        "screened_at": ago(minutes=1),
        "reviewed_at": ago(minutes=1),
        "draft": "Hi Ada, how did the call with the suppliers go?",
        "draft_source": "template:check_in/casual/1",
        "ai_reasoning": "An item is open.",
    }
    return make_decision(conn, batch, contractor_id, **(row | over))


def found_by(conn: Conn, batch: Batch) -> list[DictRow]:
    """Return what a batch's triggers found and no safeguard has seen: candidates, and promised decisions."""
    return conn.execute(
        """
        SELECT id, contractor_id, trigger_name, message_type, NULL AS source_message_type, false AS promised, priority,
               urgency, subject_table, subject_id, occurrence, dedupe_key, reason, facts, changed_since, NULL AS due_at,
               dry_run, NULL AS verdict, '[]'::jsonb AS reasons
          FROM ige_batch_candidates WHERE batch_id = %(batch_id)s AND decided_on = %(decided_on)s
         UNION ALL
        SELECT id, contractor_id, trigger_name, message_type, source_message_type, promised, priority,
               urgency, subject_table, subject_id, occurrence, dedupe_key, reason, facts, changed_since, due_at,
               dry_run, verdict, reasons
          FROM ige_decisions WHERE batch_id = %(batch_id)s AND decided_on = %(decided_on)s
         ORDER BY priority DESC, urgency DESC, subject_id""",
        batch.key,
    ).fetchall()


def insert(conn: Conn, table: str, row: Mapping[str, Any]) -> int:
    """Insert one row and return its id."""
    statement = sql.SQL("INSERT INTO {} ({}) VALUES ({}) RETURNING id").format(
        sql.Identifier(table),
        sql.SQL(", ").join(sql.Identifier(name) for name in row),
        sql.SQL(", ").join(sql.Placeholder() for _ in row),
    )
    values = [Jsonb(value) if isinstance(value, dict) else value for value in row.values()]
    return int(one(conn.execute(statement, values))["id"])


def fetch(conn: Conn, table: str, row_id: int) -> DictRow:
    """Return one row by its id."""
    return one(conn.execute(sql.SQL("SELECT * FROM {} WHERE id = %s").format(sql.Identifier(table)), [row_id]))


def one(cursor: psycopg.Cursor[DictRow]) -> DictRow:
    """Return the only row of a result."""
    (row,) = cursor.fetchall()
    return row


def contractor_of(conn: Conn, goal_id: int | None) -> int | None:
    """Return whose goal that is, None where it has no contractor or does not exist."""
    row = conn.execute("SELECT contractor_id FROM ai_concierge_goals WHERE id = %s", [goal_id]).fetchone()
    return None if row is None else row["contractor_id"]
