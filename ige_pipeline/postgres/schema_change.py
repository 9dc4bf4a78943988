"""Steps that migrations are made of: each adds something, may be repeated, and waits for nobody for long.

Each statement commits by itself, so that no lock outlives it, and a migration that was cut off is simply run again.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from alembic import context, op
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Patience:
    """How a locked table is waited for: in so many short tries, so that nobody has to wait behind us for long."""

    attempts: int = 20
    try_for_s: float = 3
    pause_s: float = 1


def execute(statement: str) -> None:
    """Run one statement outside a transaction, again while a lock is held by others (see `Patience`)."""
    _patiently(lambda: _run(statement))


def create_table(table: str, columns: Mapping[str, str]) -> None:
    """Create a table, or add to an existing one those of the columns that it lacks; nothing else is touched."""
    body = ", ".join(f"{name} {kind}" for name, kind in columns.items())
    if not _columns(table):
        execute(f"CREATE TABLE IF NOT EXISTS {table} ({body})")
    add_columns(table, {name: kind for name, kind in columns.items() if "PRIMARY KEY" not in kind})


def add_columns(table: str, columns: Mapping[str, str]) -> None:
    """Add the columns that a table lacks, in one statement and so under one short lock."""
    present = _columns(table)
    missing = [f"ADD COLUMN IF NOT EXISTS {name} {kind}" for name, kind in columns.items() if name not in present]
    if missing:
        execute(f"ALTER TABLE {table} {', '.join(missing)}")


def add_check(table: str, name: str, condition: str) -> None:
    """Add a CHECK without holding a lock while existing rows are read: NOT VALID first, then VALIDATE."""
    if not _exists("SELECT 1 FROM pg_constraint WHERE conname = :name AND conrelid = to_regclass(:table)", name, table):
        execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({condition}) NOT VALID")
    execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}")


def create_index(name: str, definition: str, *, unique: bool = False) -> None:
    """Create an index CONCURRENTLY; an invalid one that an interrupted build left behind is dropped first."""
    broken = "SELECT 1 FROM pg_index WHERE indexrelid = to_regclass(:name) AND NOT indisvalid"
    kind = "UNIQUE INDEX" if unique else "INDEX"

    def build() -> None:
        # A build that gave up on a lock leaves an invalid index, too: each try has to look.
        if _exists(broken, name):
            _run(f"DROP INDEX CONCURRENTLY {name}")
        _run(f"CREATE {kind} CONCURRENTLY IF NOT EXISTS {name} ON {definition}")

    _patiently(build)


def _patiently(step: Callable[[], None]) -> None:
    patience: Patience = context.config.attributes["patience"]
    for attempt in range(1, patience.attempts + 1):
        try:
            step()
        except OperationalError as error:
            if "lock timeout" not in str(error) or attempt == patience.attempts:
                raise
            log.warning("A table is locked by another program; trying again (%d of %d).", attempt, patience.attempts)
            time.sleep(patience.pause_s)
        else:
            return


def _run(statement: str) -> None:
    with op.get_context().autocommit_block():
        op.get_bind().execute(text(statement.replace(":", r"\:")))


def _columns(table: str) -> set[str]:
    query = "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(:table) AND attnum > 0 AND NOT attisdropped"
    return set(op.get_bind().execute(text(query), {"table": table}).scalars())


def _exists(query: str, name: str, table: str | None = None) -> bool:
    found = op.get_bind().execute(text(query), {"name": name} if table is None else {"name": name, "table": table})
    return found.first() is not None
