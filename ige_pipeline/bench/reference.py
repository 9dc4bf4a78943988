"""Other ways to find whom to write to: one contractor at a time, as the old system did, and one naive statement."""

from collections.abc import Iterator
from typing import Any

from psycopg.rows import tuple_row

from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.queries import load

_QUERIES = load(__package__, "reference.sql")
_TRIGGERS = (
    ("milestone_achieved", "one_achieved", "last_about_item", None),
    ("high_priority_goal", "one_high_priority", "last_about_goal", "high_priority_repeat_days"),
    ("stalled_goal", "one_stalled", "last_about_goal", "stalled_repeat_days"),
)

Winners = set[tuple[int, str, int]]
"""Contractor, trigger, and the id of the row that the message would be about."""


def naive(conn: Connection, values: dict[str, Any]) -> Winners:
    """Ask for everybody in one statement that nobody has thought about for long."""
    with conn.cursor(row_factory=tuple_row) as cursor:
        return set(cursor.execute(_QUERIES["naive"], values))


def scan(conn: Connection) -> None:
    """Read every table that matters once."""
    conn.execute(_QUERIES["scan"])


def one_at_a_time(conn: Connection, values: dict[str, Any], *, sample: int) -> Winners:
    """Ask for the first `sample` contractors, one after the other."""
    asked = [values | {"contractor_id": contractor_id} for contractor_id in range(1, sample + 1)]
    return {winner for each in asked if (winner := _winner(conn, each)) is not None}


def _winner(conn: Connection, values: dict[str, Any]) -> tuple[int, str, int] | None:
    found = next(_candidates(conn, values), None)
    if found is None or not _may_be_contacted(conn, values):
        return None
    return (values["contractor_id"], *found)


def _candidates(conn: Connection, values: dict[str, Any]) -> Iterator[tuple[str, int]]:
    for trigger, query, last, repeat_days in _TRIGGERS:
        for row in conn.execute(_QUERIES[query], values, prepare=True).fetchall():
            about = values | {"subject_id": row["id"], "repeat_days": values.get(repeat_days or "")}
            spoken = conn.execute(_QUERIES[last], about, prepare=True).fetchone()
            if spoken is None or not spoken["silent"]:
                yield trigger, row["id"]


def _may_be_contacted(conn: Connection, values: dict[str, Any]) -> bool:
    answers = {
        name: conn.execute(_QUERIES[name], values, prepare=True).fetchone() or {}
        for name in ("one_contractor", "one_contact", "one_ignored", "one_trust")
    }
    return bool(
        answers["one_contractor"]["contactable"]
        and answers["one_contact"]["rested"]
        and not answers["one_ignored"]["ignored"]
        and answers["one_trust"].get("score", values["trust_without_record"]) >= values["min_trust_score"]
    )
