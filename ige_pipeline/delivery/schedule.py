"""Put a batch's checked texts into the outbox, each together with the decision that explains it."""

from typing import Any

from ige_pipeline.delivery.forecast import clears_in_time
from ige_pipeline.delivery.held import expire_unseen, hold_drafts
from ige_pipeline.delivery.promise import close_promises
from ige_pipeline.delivery.switches import audit
from ige_pipeline.ledger.batch import Batch, require_in_service
from ige_pipeline.ledger.compare import held_mark
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.queries import load
from ige_pipeline.refusal import Refusal
from ige_pipeline.settings import Settings

_QUERIES = load(__package__, "schedule.sql")


def schedule_messages(conn: Connection, batch: Batch, settings: Settings) -> int:
    """Insert what passed every safeguard with `sent_at` NULL and return how many; a dry run only says what it would.

    A batch that would reach too many at once is `held` as a whole, promised messages apart: see `held`.
    """
    values = settings.model_dump() | batch.key | {"as_of": batch.as_of, "clears_in_time": clears_in_time(settings)}
    with conn.transaction():
        conn.execute(_QUERIES["take_turns"])
        if not batch.dry_run:
            require_in_service(conn)
            expire_unseen(conn, settings)
        conn.execute(_QUERIES["expire_drafts"], values)
        conn.execute(_QUERIES["one_for_each_person"], values)
        hold_drafts(conn, batch, settings)
        conn.execute(_QUERIES["hold_if_too_many"], values)
        conn.execute(_QUERIES["postpone_backlog"], values)
        done = conn.execute(_QUERIES["schedule_nothing" if batch.dry_run else "schedule"], values)
        conn.execute(_QUERIES["explain_the_rest"], values)
        close_promises(conn, batch)
    return done.rowcount


def require_approvable(batch: Batch) -> None:
    """Refuse to approve what would send nothing all the same."""
    if batch.dry_run:
        raise Refusal(f"Batch {batch.id} was a dry run: it can send nothing, so there is nothing to approve.")


def require_not_held(batch: Batch, counts: dict[str, Any], *, within_hours: float, drafts: int = 0) -> None:
    """Refuse to call a held batch done: somebody must look before so many people are written to.

    `drafts` of them wait one by one, as review mode wants it.
    """
    held = counts.get("held", 0) - drafts
    if held > 0 and not batch.dry_run:
        raise Refusal(
            f"Batch {batch.id} would have written to {held} contractors at once and is held: look at it with "
            f"`ige batches show {batch.id}`, then `ige batches approve {batch.id}` within "
            f"{within_hours:g} hours, or leave it.",
        )


def approve(conn: Connection, batch: Batch, settings: Settings, *, who: str, seen: str | None = None) -> int:
    """Schedule a held batch after all, less what is stale and who was written to since; return how many.

    The other safeguards are asked again when each message is sent. Where the mark of what was `seen` held is given
    (`ledger.compare.held_mark`), Refusal when anything else is held.
    """
    require_approvable(batch)
    with conn.transaction():
        conn.execute(_QUERIES["take_turns"])
        if seen is not None and seen != held_mark(conn, batch):
            raise Refusal(f"Batch {batch.id} holds other messages by now: look at it again.")
        conn.execute(_QUERIES["approve"], batch.key | {"who": who})
        conn.execute(_QUERIES["release_held"], batch.key)
        audit(conn, who=who, action="approve", detail={"batch": batch.id})
        own_hours = conn.execute(_QUERIES["own_hours"], batch.key).fetchone()
        return schedule_messages(conn, batch, settings.model_copy(update=own_hours or {}))


def preview(conn: Connection, batch: Batch) -> list[dict[str, Any]]:
    """Return up to 20 of the batch's scheduled messages: ids and lengths, neither texts nor numbers."""
    return conn.execute(_QUERIES["scheduled_preview"], batch.key).fetchall()
