"""For somebody whom no trigger selects: which one comes nearest, and what is missing."""

from dataclasses import dataclass

from ige_pipeline.postgres.connection import Connection
from ige_pipeline.settings import Settings
from ige_pipeline.triggers.trigger import Trigger, load_all


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
        Nearest(trigger, row["subject_id"], tuple(row["missing"]))
        for trigger in load_all()
        if trigger.nearest is not None
        for row in conn.execute(trigger.nearest, values)
    ]
    return min(found, key=lambda each: len(each.missing), default=None)
