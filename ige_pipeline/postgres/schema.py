"""Which schema this code needs, and which one a database has. Migrating it is heavier to import."""

from functools import cache
from pathlib import Path

import psycopg

from ige_pipeline.postgres.connection import Connection
from ige_pipeline.refusal import Refusal

VERSION_TABLE = "ige_alembic_version"
MIGRATIONS = Path(__file__).parent / "migrations"
NO_RIGHT = "This database role lacks a right ({}): use the owner of the tables, or let the owner grant it."


def require_schema(conn: Connection) -> None:
    """Refuse a database that is not at this code's schema, nor at a newer one that still serves this code."""
    at, head = current(conn), head_revision()
    if at == head or _serves(conn, head):
        return
    require_known(conn)
    was = "has never been migrated" if at is None else f"is at schema {at}, and this code needs {head}"
    raise Refusal(f"The database {was}: run `ige migrate`.")


def current(conn: Connection) -> str | None:
    """Return the revision the database is at, None for one that we have not seen before."""
    try:
        row = conn.execute(f"SELECT version_num FROM {VERSION_TABLE}").fetchone()  # noqa: S608 - our own constant
    except psycopg.errors.UndefinedTable:
        return None
    except psycopg.errors.InsufficientPrivilege as error:
        raise Refusal(NO_RIGHT.format(error.diag.message_primary)) from error
    return row["version_num"] if row else None


@cache
def known_revisions() -> frozenset[str]:
    """Return the revisions that this code has migrations for: they are numbered, and so are their files."""
    return frozenset(path.name[:4] for path in (MIGRATIONS / "versions").glob("[0-9][0-9][0-9][0-9]_*.py"))


def head_revision() -> str:
    """Return the revision that this code needs."""
    return max(known_revisions())


def _serves(conn: Connection, head: str) -> bool:
    """Whether the schema is newer than this code, and says that it serves code as old as this."""
    if (at := current(conn)) is None or at in known_revisions():
        return False
    row = conn.execute("SELECT value ->> 'serves' AS oldest FROM ige_switches WHERE name = 'schema'").fetchone()
    return row is not None and head >= row["oldest"]


def require_known(conn: Connection) -> None:
    """Refuse a database that newer code has migrated."""
    at = current(conn)
    if at is not None and at not in known_revisions():
        raise Refusal(
            f"The database is at schema {at}, which is newer than this code (it knows {head_revision()}): "
            "install the newer ige_pipeline, nothing was changed.",
        )
