"""What can become of one claimed message: small types, matched to the end wherever they are used."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any


@dataclass(frozen=True)
class Delivered:
    """The endpoint accepted it (2xx)."""


@dataclass(frozen=True)
class Retry:
    """Try again after `delay`. A rate-limited try gives its attempt back."""

    delay: timedelta
    reason: str
    spends_attempt: bool = True


@dataclass(frozen=True)
class Ambiguous:
    """The request left and no answer came: it may have been accepted. Try again with the same idempotency key.

    That of a probe gives its attempt back.
    """

    delay: timedelta
    reason: str
    spends_attempt: bool = True


@dataclass(frozen=True)
class Dead:
    """No further try can help; a person may mend and redrive it."""

    reason: str


@dataclass(frozen=True)
class EndpointFault:
    """The endpoint is wrong, not the message: it stays due and keeps its attempt, and the run stops."""

    reason: str


@dataclass(frozen=True)
class Postponed:
    """It may not go now: look again at `until`, or after `delay` where nobody can say when it clears."""

    reasons: tuple[Mapping[str, Any], ...]
    until: datetime | None = None
    delay: timedelta = timedelta(minutes=15)


@dataclass(frozen=True)
class Cancelled:
    """It must not go any more."""

    reasons: tuple[Mapping[str, Any], ...]


Outcome = Delivered | Retry | Ambiguous | Dead | EndpointFault | Postponed | Cancelled
