"""What a person should hear: logged, and written down until its cause is gone. Whoever tells others reads it here."""

import logging
from typing import Any

from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.queries import load

log = logging.getLogger(__name__)

_QUERIES = load(__package__, "breaker.sql")


def raise_alert(conn: Connection, *, kind: str, about: str, sentence: str) -> None:
    """Write it down and log it; the sentence holds no text and no number."""
    log.error("%s", sentence)
    conn.execute(_QUERIES["raise_alert"], {"kind": kind, "about": about, "sentence": sentence})


def end_alerts(conn: Connection, *, about: str) -> None:
    """The cause is gone."""
    conn.execute(_QUERIES["end_alerts"], {"about": about})


def open_alerts(conn: Connection) -> list[dict[str, Any]]:
    """Return up to 20 that nobody ended: at, kind, about, sentence; the newest first."""
    return conn.execute(_QUERIES["open_alerts"]).fetchall()


def open_checks(conn: Connection) -> set[str]:
    """Return the names of all checks whose alert nobody ended, however many others are open."""
    return {row["about"] for row in conn.execute(_QUERIES["open_checks"]).fetchall()}
