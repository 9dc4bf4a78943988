"""By what a run shows that it lives: locks that Postgres lets go of when the connection that holds them dies."""

from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.queries import load

_QUERIES = load(__package__, "life.sql")
OWNER_CLASS, RUN_CLASS = 0x16E, 0x16F
"""The first half of such a lock's number: of an owner of leases, and of a run by the name that Dagster gives it."""


def show_life(conn: Connection, *, run_id: str) -> None:
    """Show over this connection that a run lives, for as long as the connection does."""
    conn.execute(_QUERIES["notice_our_death"])
    conn.execute(_QUERIES["hold_run"], {"run_class": RUN_CLASS, "run_id": run_id})


def lives(conn: Connection, *, run_id: str) -> bool:
    """Whether any connection shows that this run lives."""
    row = conn.execute(_QUERIES["run_lives"], {"run_class": RUN_CLASS, "run_id": run_id}).fetchone() or {}
    return bool(row["lives"])
