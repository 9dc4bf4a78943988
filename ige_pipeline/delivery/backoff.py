"""How an answer from the endpoint becomes an outcome, and how long to wait before the next try."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

from ige_pipeline.delivery.outcome import Ambiguous, Dead, Delivered, EndpointFault, Outcome, Retry
from ige_pipeline.delivery.reply import Answered, Broken, Lost, Refused, Reply, Unreached

MAX_ATTEMPTS = 7
_STEPS = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
)
_JITTER = 0.2
_RATE_LIMITED_FIRST, _RATE_LIMITED_LAST = timedelta(seconds=30), timedelta(minutes=15)
# No sooner than the circuit lets the next one be tried.
_AFTER_A_PROBE = timedelta(seconds=30)
_ENDPOINT_IS_WRONG = frozenset({401, 403, 404, 405, 410})
_TRY_AGAIN = frozenset({408, 425})
_TOO_MANY = 429


@dataclass(frozen=True)
class Try:
    """Where in its life a message is: `attempt` counts from 1 and includes this one; `jitter` lies in [0, 1).

    `rate_limited` counts the 429s it met before: they give their attempt back, so that `attempt` does not tell. A
    `suspect` found the endpoint wrong before, and since then others were accepted: then it is the message. A `probe`
    asks how the endpoint is, so that its failure says nothing of the message and costs no attempt. `lost` counts the
    answers to it that never came before: each may have been a text that arrived.
    """

    attempt: int
    now: datetime
    jitter: float
    rate_limited: int = 0
    suspect: bool = False
    probe: bool = False
    lost: int = 0


def decide(reply: Reply, this: Try) -> Outcome:
    """Turn a reply into an outcome (issue: outcomes follow RFC 9110's status classes)."""
    match reply:
        case Answered(status) if 200 <= status < 300:  # noqa: PLR2004 - RFC 9110: successful
            return Delivered()
        case Answered(status, headers) if status == _TOO_MANY:
            return Retry(_asked_for(headers, this) or _rate_limited(this), "http_429", spends_attempt=False)
        case Answered(status) if status < 400 or status in _ENDPOINT_IS_WRONG:  # noqa: PLR2004 - redirects included
            return _failed(f"http_{status}", this) if this.suspect else EndpointFault(f"http_{status}")
        case Answered(status, headers) if status >= 500 or status in _TRY_AGAIN:  # noqa: PLR2004 - RFC 9110
            return _again(f"http_{status}", this, at_least=_asked_for(headers, this))
        case Answered(status):
            return Dead(f"http_{status}")
        case Refused(reason):
            return Dead(reason)
        case Broken(reason):
            return EndpointFault(reason)
        case Unreached(reason):
            return _again(reason, this)
        case Lost(reason):
            return _unanswered(reason, this)


def backoff(this: Try) -> timedelta:
    """Wait 5 s, 5 min, 30 min, 2 h, 5 h, 10 h after the first six attempts, each within 20% of that."""
    step = _STEPS[min(this.attempt, len(_STEPS)) - 1]
    return step * (1 + _JITTER * (2 * this.jitter - 1))


def _unanswered(reason: str, this: Try) -> Outcome:
    """A probe spends no attempt; but as it may have arrived, it waits as one that did, so that few copies do."""
    if this.probe:
        wait = max(_AFTER_A_PROBE, backoff(replace(this, attempt=this.lost + 1)))
        return Ambiguous(wait, reason, spends_attempt=False)
    return Dead("attempts_exhausted") if this.attempt >= MAX_ATTEMPTS else Ambiguous(backoff(this), reason)


def _again(reason: str, this: Try, *, at_least: timedelta | None = None) -> Outcome:
    if this.probe:
        return Retry(max(_AFTER_A_PROBE, at_least or timedelta(0)), reason, spends_attempt=False)
    return _failed(reason, this, at_least=at_least)


def _failed(reason: str, this: Try, *, at_least: timedelta | None = None) -> Outcome:
    if this.attempt >= MAX_ATTEMPTS:
        return Dead("attempts_exhausted")
    return Retry(max(backoff(this), at_least or timedelta(0)), reason)


def _rate_limited(this: Try) -> timedelta:
    doubled = timedelta(seconds=_RATE_LIMITED_FIRST.total_seconds() * 2.0 ** min(this.rate_limited, 9))
    return min(doubled, _RATE_LIMITED_LAST)


def _asked_for(headers: Mapping[str, str], this: Try) -> timedelta | None:
    """Read Retry-After as seconds or as a date (RFC 9110, 10.2.3); nonsense counts as absent, a day is the most."""
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdecimal():
        return timedelta(seconds=min(int(value[:9]), 86_400))
    try:
        wait = parsedate_to_datetime(value) - this.now
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(wait, timedelta(0)), timedelta(days=1))
