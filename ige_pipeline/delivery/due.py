"""Is there anything to do now? Two cheap questions that the sensors ask every half minute."""

from dataclasses import dataclass
from datetime import datetime

from ige_pipeline.delivery.life import OWNER_CLASS
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.queries import load

_QUERIES = load(__package__, "due.sql")
_A_WHILE_S = 300
_ENOUGH = 100


@dataclass(frozen=True)
class Due:
    """How many (only so many are counted as matter), and a fingerprint that is the same until something changes."""

    due: int
    fingerprint: str | None
    asked_at: datetime
    stopped_because: str | None = None

    @property
    def why_nothing(self) -> str:
        """Why no run is needed: nothing waits, or all sending is stopped."""
        if self.stopped_because is not None:
            return f"All sending is stopped ({self.stopped_because}): `ige start` lifts it."
        return "Nothing is due."

    @property
    def again_in_a_while(self) -> str:
        """The fingerprint, and one of the five minutes: a run that died and changed nothing is followed by another."""
        return f"{self.fingerprint}-{int(self.asked_at.timestamp() // _A_WHILE_S)}"


def due_messages(conn: Connection, *, beyond: int = 0) -> Due:
    """Return what a delivery run could post now; enough is counted to tell whether it is more than `beyond`."""
    values = {"at_most": max(_ENOUGH, beyond + 1), "lock_class": OWNER_CLASS}
    return Due(**conn.execute(_QUERIES["due_messages"], values).fetchone() or {})


def due_promises(conn: Connection) -> Due:
    """Return the follow-ups and event messages that a batch could decide about now."""
    return Due(**conn.execute(_QUERIES["due_promises"]).fetchone() or {})
