"""The figures of each day: counted beside the pages, at most every few minutes, and kept."""

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

import psycopg

from ige_pipeline.console.desk import Desk
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.queries import load
from ige_pipeline.refusal import Refusal

log = logging.getLogger(__name__)

_QUERIES = load(__package__, "figures.sql")
FRESH_FOR = timedelta(minutes=5)
_AT_FIRST, _AGAIN = timedelta(days=30), timedelta(days=9)
_COUNT_WITHIN_MS = 120_000
_WEEK = 7
DAYS = 14
_counting = threading.Lock()


@dataclass(frozen=True)
class Figure:
    """One figure now, how it stood a week ago, and its last fortnight, oldest first; None where nobody knows."""

    name: str
    now: float | None
    before: float | None
    days: tuple[float | None, ...]

    @property
    def change(self) -> float | None:
        """How much it changed within the week."""
        return None if self.now is None or self.before is None else self.now - self.before


def count_if_old(desk: Desk, conn: Connection) -> datetime | None:
    """Return when today was counted; where that is long ago, it is counted anew beside, and nobody waits for it."""
    row = conn.execute(_QUERIES["counted"]).fetchone() or {}
    counted: datetime | None = row.get("today")
    if counted is None or row["now"] - counted > FRESH_FOR:
        desk.beside(partial(_count_beside, desk))
    return counted


def _count_beside(desk: Desk) -> None:
    if not _counting.acquire(blocking=False):
        return
    try:
        with desk.connect(within_ms=_COUNT_WITHIN_MS) as conn:
            count(conn)
    except (psycopg.Error, Refusal) as error:
        log.warning("The figures could not be counted: %s", type(error).__name__)
    finally:
        _counting.release()


def count(conn: Connection) -> bool:
    """Count today and the days of which something may have changed; return whether nobody else was at it."""
    if not (conn.execute(_QUERIES["alone"]).fetchone() or {}).get("alone"):
        return False
    try:
        row = conn.execute(_QUERIES["counted"]).fetchone() or {}
        today: date = row["day"]
        values = {"since": _since(row["last_day"], today)}
        with conn.transaction():
            for name in ("count_messages", "count_people", "count_past_trust", "count_past_goals", "count_triggers"):
                conn.execute(_QUERIES[name], values)
    finally:
        if not conn.broken:
            conn.execute(_QUERIES["leave"])
    return True


def _since(last: date | None, today: date) -> date:
    """Return the first day to be counted: answers come for days, also for those before a time when nobody looked."""
    earliest = today - _AT_FIRST
    return earliest if last is None else max(earliest, min(last, today) - _AGAIN)


def figures(conn: Connection) -> list[Figure]:
    """Return trust, active goals, response rate and action rate; empty before anything was counted."""
    rows = conn.execute(_QUERIES["days"], {"days": DAYS + _WEEK}).fetchall()
    if not rows:
        return []
    return [
        _of_days("Trust", [row["trust"] for row in rows]),
        _of_days("Active goals", [row["active_goals"] for row in rows]),
        _of_days("Response rate", _rates(rows, "answered")),
        _of_days("Action rate", _rates(rows, "acted")),
    ]


def _of_days(name: str, values: Sequence[float | None]) -> Figure:
    before = values[-1 - _WEEK] if len(values) > _WEEK else None
    return Figure(name, values[-1], before, tuple(values[-DAYS:]))


def _rates(rows: Sequence[dict[str, Any]], of: str) -> list[float | None]:
    """Return the share of each day's last seven: single days hold too few messages to tell."""
    found: list[float | None] = []
    for end in range(1, len(rows) + 1):
        week = rows[max(0, end - _WEEK) : end]
        sent = sum(row["sent"] or 0 for row in week)
        found.append(sum(row[of] or 0 for row in week) / sent if sent else None)
    return found


def by_trigger(conn: Connection) -> dict[str, list[dict[str, Any]]]:
    """Return the days of each trigger, oldest first."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in conn.execute(_QUERIES["trigger_days"], {"days": DAYS}):
        found.setdefault(row["trigger_name"], []).append(row)
    return found
