"""A lease: one claimed message, what it takes to send it, and the token that lets its holder settle it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True)
class Lease:
    """One message in our hands. `attempt` counts from 1 and includes this one.

    `rate_limited`: how often we were asked to wait (429), for it or in a row. `suspect`: it found the endpoint wrong,
    and since then others were accepted; `limited_alone`: it was asked to wait, and since then others were accepted.
    `survivor`: the run that had it died. `lost`: how often no answer to it came.
    """

    message_id: int
    token: UUID
    attempt: int
    claimed_at: datetime
    contractor_id: int | None
    message_type: str
    message: str
    ai_reasoning: str
    idempotency_key: UUID
    promised: bool
    contractor_name: str
    phone: str
    batch_hour: datetime
    rate_limited: int = 0
    suspect: bool = False
    limited_alone: bool = False
    survivor: bool = False
    lost: int = 0
