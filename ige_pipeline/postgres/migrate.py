"""Bring a database to the schema that this code needs, or say in one sentence why that cannot be."""

from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from ige_pipeline.postgres.connection import Connection, connect, normalise_url
from ige_pipeline.postgres.schema_change import Patience
from ige_pipeline.refusal import Refusal

VERSION_TABLE = "ige_alembic_version"
_MIGRATIONS = Path(__file__).parent / "migrations"
_ONE_AT_A_TIME = 0x1_6E_01  # advisory lock: two migrating processes take turns
_PATIENCE = Patience()
OLDEST_SERVED = "0018"
"""The schema of the oldest code that runs beside this one; a migration that takes away what it needs raises this."""
_NO_RIGHT = "This database role lacks a right ({}): use the owner of the tables, or let the owner grant it."


def migrate(url: str, *, patience: Patience = _PATIENCE) -> None:
    """Upgrade the database at `url` to this code's schema. It only adds, and may be run again at any time.

    Raises Refusal when the database is newer than the code, not reachable, when a right is missing,
    or when a table stays locked.
    """
    with connect(url) as conn:
        conn.execute("SELECT pg_advisory_lock(%s)", [_ONE_AT_A_TIME])
        _require_version_13(conn)
        _require_encoding(conn)
        _require_known(conn)
        _upgrade(url, patience)
        _say_whom_it_serves(conn)


def require_schema(conn: Connection) -> None:
    """Refuse a database that is not at this code's schema, nor at a newer one that still serves this code."""
    at, head = current(conn), head_revision()
    if at == head or _serves(conn, head):
        return
    _require_known(conn)
    was = "has never been migrated" if at is None else f"is at schema {at}, and this code needs {head}"
    raise Refusal(f"The database {was}: run `ige migrate`.")


def current(conn: Connection) -> str | None:
    """Return the revision the database is at, None for one that we have not seen before."""
    try:
        row = conn.execute(f"SELECT version_num FROM {VERSION_TABLE}").fetchone()  # noqa: S608 - our own constant
    except psycopg.errors.UndefinedTable:
        return None
    except psycopg.errors.InsufficientPrivilege as error:
        raise Refusal(_NO_RIGHT.format(error.diag.message_primary)) from error
    return row["version_num"] if row else None


def head_revision() -> str:
    """Return the revision that this code needs."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    if head is None:
        raise RuntimeError(f"No migrations in {_MIGRATIONS}")
    return head


def _serves(conn: Connection, head: str) -> bool:
    """Whether the schema is newer than this code, and says that it serves code as old as this."""
    if (at := current(conn)) is None or at in _known():
        return False
    row = conn.execute("SELECT value ->> 'serves' AS oldest FROM ige_switches WHERE name = 'schema'").fetchone()
    return row is not None and head >= row["oldest"]


def _say_whom_it_serves(conn: Connection) -> None:
    """Write down for older code, which does not know this schema, whether it may go on."""
    conn.execute(
        "INSERT INTO ige_switches (name, value, changed_by)"
        " VALUES ('schema', jsonb_build_object('serves', %s::text), 'ige migrate')"
        " ON CONFLICT (name) DO UPDATE SET value = EXCLUDED.value, changed_at = now()"
        " WHERE ige_switches.value <> EXCLUDED.value",
        [OLDEST_SERVED],
    )


def _known() -> set[str]:
    return {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}


def _require_version_13(conn: Connection) -> None:
    if conn.info.server_version < 130000:  # noqa: PLR2004 - Postgres numbers 13.0 so
        raise Refusal(f"Postgres 13 or newer is needed; this server is {conn.info.server_version // 10000}.")


def _require_encoding(conn: Connection) -> None:
    if conn.info.parameter_status("server_encoding") == "SQL_ASCII":
        raise Refusal(
            "The database has the encoding SQL_ASCII, which does not say what its bytes mean: make one with ENCODING "
            "'UTF8' (dump, createdb --encoding=UTF8 --template=template0, restore); nothing was changed."
        )


def _require_known(conn: Connection) -> None:
    at = current(conn)
    if at is not None and at not in _known():
        raise Refusal(
            f"The database is at schema {at}, which is newer than this code (it knows {head_revision()}): "
            "install the newer ige_pipeline, nothing was changed.",
        )


def _upgrade(url: str, patience: Patience) -> None:
    config = _config()
    config.attributes["url"] = normalise_url(url).replace("postgresql://", "postgresql+psycopg://", 1)
    config.attributes["patience"] = patience
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise Refusal(f"The migrations cannot be read: {error}.") from error
    except Exception as error:
        locked = error.__cause__ or getattr(error, "orig", None) or error
        if isinstance(locked, psycopg.errors.LockNotAvailable):
            raise Refusal(
                "A table stayed locked by another program for too long: nothing waits behind us, run `ige migrate` "
                "again at a quieter time.",
            ) from error
        if isinstance(locked, psycopg.errors.InsufficientPrivilege):
            raise Refusal(_NO_RIGHT.format(locked.diag.message_primary)) from error
        raise


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    return config
