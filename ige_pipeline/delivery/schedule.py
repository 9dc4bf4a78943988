"""Put a batch's checked texts into the outbox, each together with the decision that explains it."""

from typing import Any

from ige_pipeline.ledger.batch import Batch
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.queries import load
from ige_pipeline.settings import Settings

_QUERIES = load(__package__, "schedule.sql")


def schedule_messages(conn: Connection, batch: Batch, settings: Settings) -> int:
    """Insert what passed every safeguard with `sent_at` NULL and return how many; a dry run only says what it would."""
    values = settings.model_dump() | batch.key | {"as_of": batch.as_of}
    with conn.transaction():
        conn.execute(_QUERIES["take_turns"])
        conn.execute(_QUERIES["expire_drafts"], values)
        done = conn.execute(_QUERIES["schedule_nothing" if batch.dry_run else "schedule"], values)
        conn.execute(_QUERIES["explain_the_rest"], values)
    return done.rowcount


def preview(conn: Connection, batch: Batch) -> list[dict[str, Any]]:
    """Return up to 20 of the batch's scheduled messages: ids and lengths, neither texts nor numbers."""
    return conn.execute(_QUERIES["scheduled_preview"], batch.key).fetchall()
