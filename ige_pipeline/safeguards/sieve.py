"""A sieve: against most messages nothing can speak but the hour, and Postgres says of which. The others are judged.

It knows no reason and blocks nothing: it only spares the safeguards those of whom it is sure.
"""

from collections.abc import Sequence
from typing import Any

from ige_pipeline.postgres.array import array
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.numbered import Rows, ask, numbered
from ige_pipeline.postgres.queries import load
from ige_pipeline.safeguards.finding import Finding
from ige_pipeline.safeguards.phonebook import reader
from ige_pipeline.safeguards.recipient import quiet_at
from ige_pipeline.settings import Settings

_PLAIN = numbered(load(__package__, "sieve.sql")["plain"])


def ask_plain(
    conn: Connection,
    message_ids: Sequence[int],
    contractor_ids: Sequence[int | None],
    settings: Settings,
    *,
    consent_needed: bool,
) -> Rows:
    """Ask which of these messages, each to one of these, are plain; in a pipeline the rows are there at its end."""
    asked = {"message_ids": array(message_ids), "contractor_ids": array(contractor_ids)}
    asked |= reader(settings.default_region)
    asked |= bounds(settings, consent_needed=consent_needed)
    known = ((name, getattr(settings, name)) for name in _PLAIN.names if name not in asked)
    return ask(conn, _PLAIN, {**asked, **dict(known)})


def told_plain(plain: Rows, settings: Settings) -> dict[int, list[Finding]]:
    """Return {message: what the hour says against it} of those that are plain."""
    told: dict[int, list[Finding]] = {}
    for row in plain:
        place = row["timezone"], row["phone_zones"], row["phone_state"]
        quiet = quiet_at(*place, settings=settings, now=row["asked_at"])
        told |= dict.fromkeys(row["message_ids"], [] if quiet is None else [quiet])
    return told


def bounds(settings: Settings, *, consent_needed: bool) -> dict[str, Any]:
    """Return what a sieve asks for beside the settings: the widest gap (seconds), and whether consent is given."""
    widest = settings.min_gap_hours * 3600
    if settings.trust_tiers:
        widest = max(widest, 86400 * max(getattr(settings, f"gap_days_trust_{tier}") for tier in (80, 60, 40, 20)))
    free = not consent_needed or bool(settings.consent_basis.strip())
    return {"widest_gap_seconds": widest, "consent_not_needed": free}
