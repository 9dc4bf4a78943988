"""Where this database lives. One that was restored or copied does not know what was sent since, and must send nothing.

A copy made block by block (a snapshot of a disk) cannot be told from its original.
"""

import psycopg

from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.queries import load
from ige_pipeline.refusal import Refusal

_QUERIES = load(__package__, "home.sql")


def settle_in(conn: Connection, *, who: str) -> None:
    """Remember where this database is, unless that is known already."""
    if (place := _here(conn)) is not None:
        conn.execute(_QUERIES["settle_in"], {"place": place, "who": who})


def move_in(conn: Connection, *, who: str, reason: str) -> None:
    """Take this place for the database's home from now on."""
    if (place := _here(conn)) is not None:
        conn.execute(_QUERIES["move_in"], {"place": place, "who": who, "reason": reason})


def at_home(conn: Connection) -> bool:
    """Whether this is the database that it says it is; also where nothing is known of that."""
    row = conn.execute(_QUERIES["home"]).fetchone()
    return row is None or (place := _here(conn)) is None or place == row["place"]


def require_home(conn: Connection) -> None:
    """Refuse to decide and to send in a copy: what its original sent meanwhile is unsent in it."""
    if not at_home(conn):
        raise Refusal(
            "This database was restored or copied: what was sent since then is unsent in it. If it takes the place of "
            "the original, `ige restored` takes that back; otherwise use one of your own."
        )


def _here(conn: Connection) -> str | None:
    try:
        with conn.transaction():
            row = conn.execute(_QUERIES["here"]).fetchone()
    except psycopg.errors.InsufficientPrivilege:
        # Some hosts of Postgres keep its identifier to themselves.
        return None
    return str(row["place"]) if row else None
