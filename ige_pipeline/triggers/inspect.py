"""Look at a trigger without consequences: whether its statement fits, and whom it would select now."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import psycopg

from ige_pipeline.ledger.batch import open_batch
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.queries import load
from ige_pipeline.settings import Settings
from ige_pipeline.triggers.evaluate import evaluate
from ige_pipeline.triggers.trigger import Trigger

_QUERIES = load(__package__, "_inspect.sql")
_EVER = datetime(2020, 1, 1, tzinfo=UTC)


def problems(conn: Connection, trigger: Trigger, settings: Settings) -> list[str]:
    """Return what is wrong with a trigger, one sentence each: its head, its columns, or its SQL."""
    values = settings.model_dump()
    found = [
        f"{word} names {name}, which is not a setting"
        for word, name, free in (
            ("at_most", trigger.at_most, {"all"} if trigger.promised else set()),
            ("repeat_days", trigger.repeat_days, {"never", "each"}),
        )
        if name not in values and name not in free
    ]
    if found:
        return found
    try:
        selected(conn, trigger, settings)
        if trigger.nearest is not None:
            return _wrong_columns(conn.execute(trigger.nearest, {**values, "as_of": _EVER, "contractor_id": 0}))
    except (psycopg.Error, KeyError) as error:
        return [str(error).partition("\n")[0]]
    return []


def _wrong_columns(told: psycopg.Cursor[Any]) -> list[str]:
    there = {column.name for column in told.description or ()}
    return [f"nearest returns no column {name}" for name in ("subject_id", "missing") if name not in there]


def held_back(conn: Connection, trigger: Trigger) -> str | None:
    """Say why a trigger selects nobody whoever is due, None where nothing holds it back."""
    row = conn.execute(_QUERIES["adopted"]).fetchone()
    if not trigger.promised or (row and row["adopted"]):
        return None
    return "promised messages wait until `ige adopt` was run"


def selected(conn: Connection, trigger: Trigger, settings: Settings) -> list[dict[str, Any]]:
    """Return whom a trigger selects now, the most urgent first; nothing is kept."""
    with conn.transaction(force_rollback=True):
        batch = open_batch(
            conn,
            root_run_id=f"preview-{uuid4()}",
            triggers=[trigger.name],
            settings=settings.model_dump(),
            dry_run=True,
        )
        evaluate(conn, batch, [trigger], settings)
        return conn.execute(_QUERIES["selected"], batch.key).fetchall()
