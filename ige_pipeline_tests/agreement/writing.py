"""Write a small database into Postgres as the application does: times without zone, in the zone of its session."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from hashlib import md5
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
from psycopg import sql
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from ige_pipeline_tests.agreement.world import (
    ACTION_ITEMS,
    EVENT_MESSAGES,
    FOLLOW_UPS,
    GOALS,
    ITEMS,
    Message,
    World,
)

Conn = psycopg.Connection[DictRow]

_CANCELLED = {"cancelled": "gap, goal_closed", "declined": "Ada asked us not to"}
_DEAD = {"dead": "no_phone", "refused": "http_400"}


def insert(conn: Conn, world: World, zone: ZoneInfo) -> None:
    conn.execute("SELECT set_config('timezone', %s, true)", [str(zone)])
    tables: dict[str, list[Any]] = {
        GOALS: world.goals,
        ITEMS: world.items,
        ACTION_ITEMS: world.action_items,
        FOLLOW_UPS: world.follow_ups,
        EVENT_MESSAGES: world.event_messages,
    }
    for table, rows in tables.items():
        insert_rows(conn, table, [_plain(asdict(row), zone) for row in rows])
    written = [_message(message, world, wording(zone)) for message in world.messages]
    insert_rows(conn, "ai_proactive_messages", [_plain(row, zone) for row in written])
    if not world.adopted:
        pending = Jsonb({"state": "pending"})
        conn.execute("UPDATE ige_switches SET value = value || %s WHERE name = 'adoption'", [pending])


def insert_rows(conn: Conn, table: str, rows: list[dict[str, Any]]) -> None:
    if not rows:
        return
    statement = sql.SQL("INSERT INTO {table} ({names}) SELECT {names} FROM jsonb_populate_recordset(NULL::{table}, %s)")
    names = sql.SQL(", ").join(sql.Identifier(name) for name in rows[0])
    conn.execute(statement.format(table=sql.Identifier(table), names=names), [Jsonb(rows)])


def wording(zone: ZoneInfo) -> Callable[[datetime], str]:
    """How the application's columns show a time, to the second."""
    return lambda moment: naive(moment, zone)[:19]


def naive(moment: datetime, zone: ZoneInfo) -> str:
    return moment.astimezone(zone).replace(tzinfo=None).isoformat()


def _plain(row: dict[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    """Ours keep the zone; theirs do not."""
    ours = {"dead_at", "cancelled_at", "expired_at"}
    return {
        name: (value.isoformat() if name in ours else naive(value, zone)) if isinstance(value, datetime) else value
        for name, value in row.items()
    }


def _message(message: Message, world: World, write: Callable[[datetime], str]) -> dict[str, Any]:
    row = asdict(message)
    ended, ended_at, its_own = row.pop("ended"), row.pop("ended_at"), row.pop("for_its_occurrence")
    occurrence = _occurrence(message, world, write) if its_own else "an earlier one"
    key = f"{message.trigger_name}:{message.subject_table}:{message.subject_id}:{occurrence}"
    return row | {
        "priority": 50,
        "attempts": 0,
        "dedupe_key": key if its_own and occurrence and message.trigger_name else None,
        "dead_at": ended_at if ended in _DEAD else None,
        "dead_reason": _DEAD.get(ended),
        "cancelled_at": ended_at if ended in _CANCELLED else None,
        "cancel_reason": _CANCELLED.get(ended),
        "expired_at": ended_at if ended == "expired" else None,
    }


def _occurrence(message: Message, world: World, write: Callable[[datetime], str]) -> str | None:
    """What the trigger would call its subject's occurrence now; None where there is no such subject."""
    rows: dict[str | None, list[Any]] = {
        GOALS: world.goals,
        FOLLOW_UPS: world.follow_ups,
        EVENT_MESSAGES: world.event_messages,
    }
    for row in rows.get(message.subject_table, []):
        if row.id == message.subject_id:
            if message.subject_table == GOALS:
                return md5((row.pattern_source or "").encode(), usedforsecurity=False).hexdigest()
            return write(row.scheduled_time) if row.scheduled_time else None
    return None
