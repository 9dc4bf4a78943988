"""Run every trigger against the database and write who is due into the ledger."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from psycopg import sql

from ige_pipeline.ledger.batch import Batch, alone_with
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.lanes import side_by_side
from ige_pipeline.postgres.queries import load
from ige_pipeline.settings import Settings
from ige_pipeline.tracing import span
from ige_pipeline.triggers.trigger import Trigger

_QUERIES = load(__package__, "_evaluate.sql")
_PROMISED = load(__package__, "_promised.sql")
# Where the old application kept the id of what a message was about.
OLD_KEYS = {"ai_concierge_goals": "goal_id", "ai_concierge_checklist_items": "item_id"}
# Messages about rows of another table that count as one about this: celebrating an item is writing about its goal.
KIN = {"ai_concierge_goals": "ai_concierge_checklist_items"}


def evaluate(
    conn: Connection,
    batch: Batch,
    triggers: Iterable[Trigger],
    settings: Settings,
    *,
    beside: Sequence[Connection] = (),
) -> dict[str, int]:
    """Record everybody whom a trigger selects; return {trigger name: candidates}.

    Promised messages become undecided decisions, the others candidates until the safeguards have seen them. Running it
    again adds nothing: a decision is one row for each batch and dedupe key. `beside` are further connections to use.
    """
    chosen = list(triggers)
    found = {trigger.name: 0 for trigger in chosen}
    with alone_with(conn, batch):
        conn.execute(_QUERIES["forget_candidates"], batch.key)
        again = _says(conn, "evaluated_before", batch)
        side_by_side((conn, *beside), chosen, partial(_record, batch=batch, settings=settings, found=found))
        doubled = _says(conn, "doubled", batch)
        if doubled:
            conn.execute(_QUERIES["forget_doubles"], batch.key, prepare=False)
        if again or doubled:
            found |= _counted(conn, batch)
    closing = batch.key | {"promised_late_hours": settings.promised_late_hours}
    conn.execute(_PROMISED["close_promises"], closing)
    return found


def _record(conn: Connection, trigger: Trigger, *, batch: Batch, settings: Settings, found: dict[str, int]) -> None:
    with span("evaluate_trigger", trigger=trigger.name, batch_id=batch.id):
        found[trigger.name] = conn.execute(statement(trigger), parameters(trigger, batch, settings)).rowcount


def _says(conn: Connection, name: str, batch: Batch) -> bool:
    row = conn.execute(_QUERIES[name], batch.key, prepare=False).fetchone()
    return bool(row and row[name])


def _counted(conn: Connection, batch: Batch) -> dict[str, int]:
    rows = conn.execute(_QUERIES["count_candidates"], batch.key, prepare=False)
    return {row["trigger_name"]: row["candidates"] for row in rows}


def statement(trigger: Trigger) -> sql.Composed:
    """Compose the statement that records a trigger's candidates."""
    if trigger.promised:
        return _sql(_PROMISED["record_promised"]).format(due=due(trigger))
    return _part("record_candidates").format(due=due(trigger))


def selection(trigger: Trigger) -> sql.Composed:
    """Compose the statement that selects the same candidates and writes nothing; a promised trigger has none."""
    return _part("select_candidates").format(due=due(trigger))


def parameters(trigger: Trigger, batch: Batch, settings: Settings) -> dict[str, Any]:
    """Give a trigger's statement its values: every setting by name, the batch, and the trigger's own head."""
    return batch.key | {"dry_run": batch.dry_run} | asked(trigger, settings, as_of=batch.as_of)


def asked(trigger: Trigger, settings: Settings, *, as_of: datetime) -> dict[str, Any]:
    """Give what `due` asks for: every setting by name, the moment, and the trigger's own head."""
    values = settings.model_dump()
    return values | {
        "as_of": as_of,
        "trigger": trigger.name,
        "message_type": trigger.message_type,
        "priority": trigger.priority,
        "subject": trigger.subject,
        "at_most": values.get(trigger.at_most),
        # Without an end: `last.at <= as_of - infinite` is never true, and make_interval refuses infinity.
        "repeat_days": None if trigger.repeat_days in {"never", "each"} else values[trigger.repeat_days],
    }


def due(trigger: Trigger) -> sql.Composed:
    """Compose what both of these select from, and what says of one contractor's rows which of them fire."""
    if trigger.promised:
        return _sql(_PROMISED["due_promised"]).format(selects=_sql(trigger.selects + "\n"))
    return _part("due").format(selects=_sql(trigger.selects + "\n"), last_message=last_message(trigger))


def last_message(trigger: Trigger) -> sql.Composed:
    """Compose what finds the message about a candidate that keeps it from being due; a promised trigger has none."""
    words = {
        "subject": trigger.subject,
        "old_key": OLD_KEYS.get(trigger.subject),
        "kin": KIN.get(trigger.subject),
        "old_type": trigger.message_type if trigger.repeat_days == "never" else None,
    }
    return _part(_kind_of_last_message(trigger)).format(**{name: sql.Literal(word) for name, word in words.items()})


def _kind_of_last_message(trigger: Trigger) -> str:
    if trigger.repeat_days == "each":
        return "last_message_of_occurrence"
    return "last_message_with_old" if trigger.subject in OLD_KEYS else "last_message"


def _part(name: str) -> sql.SQL:
    return _sql(_QUERIES[name])


def _sql(text: str) -> sql.SQL:
    return sql.SQL(text)  # the files of this package, whose type checkers see plain strings
