"""Bring a database to the schema that this code needs, or say in one sentence why that cannot be."""

import psycopg
from alembic import command
from alembic.config import Config
from alembic.util import CommandError

from ige_pipeline.postgres.connection import Connection, connect, normalise_url
from ige_pipeline.postgres.schema import MIGRATIONS, NO_RIGHT, require_known
from ige_pipeline.postgres.schema_change import Patience
from ige_pipeline.refusal import Refusal

_ONE_AT_A_TIME = 0x1_6E_01  # advisory lock: two migrating processes take turns
_PATIENCE = Patience()
OLDEST_SERVED = "0018"
"""The schema of the oldest code that runs beside this one; a migration that takes away what it needs raises this."""


def migrate(url: str, *, patience: Patience = _PATIENCE) -> None:
    """Upgrade the database at `url` to this code's schema. It only adds, and may be run again at any time.

    Raises Refusal when the database is newer than the code, not reachable, when a right is missing,
    or when a table stays locked.
    """
    with connect(url) as conn:
        conn.execute("SELECT pg_advisory_lock(%s)", [_ONE_AT_A_TIME])
        _require_version_13(conn)
        _require_encoding(conn)
        require_known(conn)
        _upgrade(url, patience)
        _say_whom_it_serves(conn)


def _say_whom_it_serves(conn: Connection) -> None:
    """Write down for older code, which does not know this schema, whether it may go on."""
    conn.execute(
        "INSERT INTO ige_switches (name, value, changed_by)"
        " VALUES ('schema', jsonb_build_object('serves', %s::text), 'ige migrate')"
        " ON CONFLICT (name) DO UPDATE SET value = EXCLUDED.value, changed_at = now()"
        " WHERE ige_switches.value <> EXCLUDED.value",
        [OLDEST_SERVED],
    )


def _require_version_13(conn: Connection) -> None:
    if conn.info.server_version < 130000:  # noqa: PLR2004 - Postgres numbers 13.0 so
        raise Refusal(f"Postgres 13 or newer is needed; this server is {conn.info.server_version // 10000}.")


def _require_encoding(conn: Connection) -> None:
    if conn.info.parameter_status("server_encoding") == "SQL_ASCII":
        raise Refusal(
            "The database has the encoding SQL_ASCII, which does not say what its bytes mean: make one with ENCODING "
            "'UTF8' (dump, createdb --encoding=UTF8 --template=template0, restore); nothing was changed."
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
            raise Refusal(NO_RIGHT.format(locked.diag.message_primary)) from error
        raise


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config
