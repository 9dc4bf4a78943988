"""Where this database lives. One that was restored or copied does not know what was sent since, and must send nothing.

A copy made block by block (a snapshot of a disk) cannot be told from its original.
"""

from enum import Enum
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.queries import load
from ige_pipeline.refusal import Refusal

_QUERIES = load(__package__, "home.sql")
WHAT_TO_ANSWER = (
    "if all that was committed is in it (an upgrade, a move, a synchronous replica that took over), type `ige restored "
    "--moved`; if anything may be missing (a backup, an earlier moment, an asynchronous replica), type `ige restored`"
)


class Whereabouts(Enum):
    """Whether a database is the one that it says it is."""

    AT_HOME = "at home"
    ELSEWHERE = "elsewhere"
    UNKNOWN = "unknown"


def settle_in(conn: Connection, *, who: str) -> None:
    """Remember where this database is, as far as that is not known already."""
    if here := _here(conn):
        conn.execute(_QUERIES["settle_in"], {"here": Jsonb(here), "who": who})


def move_in(conn: Connection, *, who: str, reason: str) -> None:
    """Take this place for the database's home from now on."""
    if here := _here(conn):
        conn.execute(_QUERIES["move_in"], {"here": Jsonb(here), "who": who, "reason": reason})


def whereabouts(conn: Connection) -> Whereabouts:
    """Compare the server, the database and the server's timeline with those that `ige migrate` wrote down.

    A timeline ends where a server comes back from an earlier moment, and where a replica takes over.
    """
    row = conn.execute(_QUERIES["home"]).fetchone()
    home, here = row["home"] if row else {}, _here(conn)
    if any(home[what] != here[what] for what in home.keys() & here.keys()):
        return Whereabouts.ELSEWHERE
    return Whereabouts.AT_HOME if {"place", "timeline"} <= home.keys() & here.keys() else Whereabouts.UNKNOWN


def require_home(conn: Connection) -> None:
    """Refuse to decide and to send in a copy: what its original sent meanwhile is unsent in it."""
    if whereabouts(conn) is Whereabouts.ELSEWHERE:
        raise Refusal(
            "This database was restored, copied or taken over: what was sent since may be unsent in it. If it takes "
            f"the place of the original: {WHAT_TO_ANSWER}. Otherwise use one of your own."
        )


def _here(conn: Connection) -> dict[str, Any]:
    """Return what this host lets us know; some keep the server's identifier, or its log's place, to themselves."""
    here = {}
    for what in ("place", "timeline"):
        try:
            with conn.transaction():
                row = conn.execute(_QUERIES[what]).fetchone()
        except (psycopg.errors.InsufficientPrivilege, psycopg.errors.FeatureNotSupported):
            continue
        if row is not None and row[what] is not None:
            here[what] = row[what]
    return here
