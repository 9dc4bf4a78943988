"""For somebody whom no trigger selects: which one comes nearest, and what is missing."""

from dataclasses import dataclass
from typing import Any

from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.queries import load
from ige_pipeline.settings import Settings
from ige_pipeline.triggers.evaluate import OLD_KEYS
from ige_pipeline.triggers.trigger import Trigger, load_all

_QUERIES = load(__package__, "_inspect.sql")


@dataclass(frozen=True)
class Nearest:
    """A trigger, the row that comes nearest to firing it, and what that row still lacks (nothing: it fires)."""

    trigger: Trigger
    subject_id: int
    missing: tuple[str, ...]


def nearest(conn: Connection, contractor_id: int, settings: Settings) -> Nearest | None:
    """Return what lacks least; ties go to the trigger of the highest priority. None when there is no row at all."""
    values = settings.model_dump() | {"contractor_id": contractor_id}
    found = [
        Nearest(trigger, row["subject_id"], tuple(row["missing"]) or _lately(conn, trigger, row["subject_id"], values))
        for trigger in load_all()
        if trigger.nearest is not None
        for row in conn.execute(trigger.nearest, values)
    ]
    return min(found, key=lambda each: len(each.missing), default=None)


def _lately(conn: Connection, trigger: Trigger, subject_id: int, values: dict[str, Any]) -> tuple[str, ...]:
    """What a row that would fire lacks when it was written about not long ago."""
    about = {"subject": trigger.subject, "subject_id": subject_id, "old_key": OLD_KEYS.get(trigger.subject)}
    last = conn.execute(_QUERIES["last_about"], values | about).fetchone()
    if last is None:
        return ()
    if last["waiting"]:
        return (f"a message about it waits since {last['at']:%Y-%m-%d %H:%M %Z}",)
    said = f"it was written about {last['days']} days ago"
    if trigger.repeat_days in {"never", "each"}:
        return (f"{said}, and once is enough",)
    wait = values[trigger.repeat_days]
    return (f"{said}, and {wait:g} must pass",) if last["days"] < wait else ()
