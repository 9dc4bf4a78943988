"""What the errors of a model's server amount to. Only our own words go on: a server's text may quote the key."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from ige_pipeline.generation.outcome import Failed

_MAY_PASS = frozenset({408, 409, 429})
_HOPELESS = frozenset({401, 403, 404})
_TOO_MANY = 429
_SERVER_ERROR = 500
# Whoever gave up waiting may have left a model at work behind it, and that is charged.
_MAY_BE_CHARGED = frozenset({408, 502, 504, 524})
# How a request says that it is no good: as OpenAI does, and as those that check a schema do.
_NO_GOOD = frozenset({400, 422})
# Nothing had left for the server yet.
_NEVER_ASKED = frozenset({"ConnectError", "ConnectTimeout", "UnsupportedProtocol"})


@dataclass(frozen=True, slots=True)
class Again:
    """The call failed in a way that may pass; `after` is the wait in seconds that the server asked for."""

    reason: str
    after: float | None = None


def of_status(status: int, *, code: object, headers: Mapping[str, str], now: datetime) -> Failed | Again:
    """Say what an HTTP status above 399 means."""
    if code == "insufficient_quota":
        return Failed("model_out_of_quota", hopeless=True)
    if (status in _MAY_PASS or status >= _SERVER_ERROR) and headers.get("x-should-retry") != "false":
        reason = "model_rate_limited" if status == _TOO_MANY else f"model_http_{status}"
        return Again(reason, asked_wait(headers, now=now))
    return Failed(f"model_http_{status}", hopeless=status in _HOPELESS)


def may_be_charged(status: int) -> bool:
    """Whether a model may have been at work for an answer with this HTTP status."""
    return status in _MAY_BE_CHARGED


def rejects(status: int, body: str, *, named: str) -> bool:
    """Whether a server says that it does not take the field of this name."""
    return status in _NO_GOOD and named in body


def never_asked(error: BaseException) -> bool:
    """Whether a connection failed before anything was sent over it, so that it cannot have cost anything."""
    return type(error.__cause__).__name__ in _NEVER_ASKED


def asked_wait(headers: Mapping[str, Any], *, now: datetime) -> float | None:
    """Return the seconds that a server asks us to wait; None if it does not, or not in a way we can read.

    Seconds or a date, as RFC 9110 has it; OpenAI's own header in milliseconds is more exact.
    """
    asked = headers.get("retry-after", "")
    try:
        if "retry-after-ms" in headers:
            return max(0.0, float(headers["retry-after-ms"]) / 1000)
        if asked.replace(".", "", 1).isdecimal():
            return float(asked)
        return max(0.0, (parsedate_to_datetime(asked) - now).total_seconds())
    except (ValueError, TypeError):  # TypeError: a date without a zone
        return None
