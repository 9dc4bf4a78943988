"""After a restore: nothing that may have been sent is sent again."""

from datetime import datetime, timedelta

from ige_pipeline.delivery import switches
from ige_pipeline.delivery.cancel import cancel
from ige_pipeline.ledger.home import move_in
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.queries import load
from ige_pipeline.settings import Settings

_QUERIES = load(__package__, "restored.sql")


def perhaps_sent(conn: Connection) -> list[int]:
    """Return the messages that are unsent in this copy, and may have been sent by its original."""
    return [row["id"] for row in conn.execute(_QUERIES["perhaps_sent"])]


def silence(settings: Settings) -> timedelta:
    """Return how long to send nothing: until whatever the original sent last no longer counts for anybody.

    By then the gap after an unknown message is over, what fell due meanwhile has expired, and nothing that the original
    celebrated is young enough to be celebrated again.
    """
    hours = max(settings.min_gap_hours, settings.expire_after_hours, settings.promised_late_hours)
    return max(timedelta(hours=hours), timedelta(days=settings.celebrate_within_days))


def take_over(conn: Connection, *, who: str, reason: str, until: datetime) -> list[int]:
    """Stop all sending, cancel what may have been sent with its promises, and live here; return what was cancelled."""
    with conn.transaction():
        switches.set_stop(conn, on=True, who=who, reason=f"{reason}; not before {until:%Y-%m-%d %H:%M} UTC")
        conn.execute(_QUERIES["let_go"])
        cancelled = cancel(conn, perhaps_sent(conn), who=who, reason=reason)
        move_in(conn, who=who, reason=reason)
        switches.audit(conn, who=who, action="restored", detail={"cancelled": len(cancelled), "reason": reason})
    return cancelled


def moved(conn: Connection, *, who: str, reason: str) -> None:
    """Live here from now on with all that the original had: nothing is cancelled, and sending goes on."""
    with conn.transaction():
        move_in(conn, who=who, reason=reason)
        switches.audit(conn, who=who, action="moved", detail={"reason": reason})
