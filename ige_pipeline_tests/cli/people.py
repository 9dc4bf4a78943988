"""People who may be texted at this very moment, whatever the hour is."""

from datetime import UTC, datetime
from typing import Any

from ige_pipeline_tests.factories import Conn, make_contractor, make_goal, make_item


def zone_where_it_is_noon() -> str:
    """Return a zone in which it is between 12 and 13 o'clock now."""
    ahead = 12 - datetime.now(UTC).hour
    return f"Etc/GMT{-ahead:+d}"  # POSIX counts westwards


def make_awake_contractor(conn: Conn, **over: Any) -> int:
    """Somebody at whose place it is noon, with a number that no state's law narrows further."""
    where = {"timezone": zone_where_it_is_noon(), "phone": f"+44207946{_next():04d}"}
    return make_contractor(conn, **(where | over))


def make_due_contractor(conn: Conn, **over: Any) -> int:
    """Somebody awake with a goal of high priority and an open item."""
    contractor_id = make_awake_contractor(conn, **over)
    make_item(conn, make_goal(conn, contractor_id))
    return contractor_id


def make_asleep_zone() -> str:
    """Return a zone in which it is between midnight and one o'clock now."""
    ahead = -datetime.now(UTC).hour
    ahead = ahead if ahead >= -12 else ahead + 24
    return f"Etc/GMT{-ahead:+d}"


_given = 0


def _next() -> int:
    global _given  # noqa: PLW0603 - a counter for numbers that differ
    _given += 1
    return _given
