"""Whether an endpoint may be posted to: a circuit that opens when it fails, and closes when a probe comes through.

Values in, value out; the database keeps the circuit, so that all runs on all machines share it.
"""

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

WINDOW = timedelta(minutes=5)
HALF_OPEN_AFTER = timedelta(seconds=30)
AT_LEAST_CALLS = 10
OPENS_AT = 70
LEVELS = (50, 70, 90, 100)
LIMITED = "http_429"
LONGEST_HOLD = timedelta(minutes=15)
"""One message that must wait for a day may not keep everybody else waiting for as long: another is tried after this."""
_TELL_AFTER_WAITS = 3
_WRONG = re.compile(r"http_(?:[13]\d\d|401|403|404|405|410)|dns_error|tls_error|forbidden_address|invalid_url")


@dataclass(frozen=True)
class Circuit:
    """How an endpoint stands. `probe_at`: from when one message may be tried, or a probe under way counts as lost.

    `alerted` is the highest percentage of failures that was told since there were few; `accepted_at` is when the newest
    message was posted that the endpoint accepted; `waits` is how often in a row it asked us to wait.
    """

    state: Literal["closed", "open", "half_open"] = "closed"
    reason: str | None = None
    opened_at: datetime | None = None
    probe_at: datetime | None = None
    alerted: int = 0
    accepted_at: datetime | None = None
    waits: int = 0

    @property
    def limited(self) -> bool:
        """Whether nothing is wrong but our pace: it asked us to wait."""
        return self.state != "closed" and self.reason == LIMITED


@dataclass(frozen=True)
class Seen:
    """What came back, with `calls` and `failures` of the whole window; `fault` says that the endpoint is wrong.

    `probe` says whether the probe came through, None where none of these was the probe; `wait` is the longest that the
    endpoint asked us to wait.
    """

    calls: int
    failures: int
    last_failure: str | None = None
    fault: str | None = None
    probe: bool | None = None
    wait: timedelta | None = None

    @property
    def percent(self) -> int:
        """The share of failures, 0 where there were too few calls to tell."""
        return self.failures * 100 // self.calls if self.calls >= AT_LEAST_CALLS else 0


def after(circuit: Circuit, seen: Seen, *, now: datetime) -> Circuit:
    """Return how the endpoint stands once this was seen."""
    if circuit.state == "closed":
        return _told(_closed(circuit, seen, now), seen)
    if seen.probe is True and not seen.wait:
        return Circuit(accepted_at=circuit.accepted_at)
    return _told(_still_open(circuit, seen, now), seen)


def _still_open(circuit: Circuit, seen: Seen, now: datetime) -> Circuit:
    """Only a probe moves the next try, or an answer to what had left before that asks for a longer wait."""
    if seen.wait and seen.probe is not None:
        return _held(circuit, seen.wait, now)
    if seen.probe is False:
        reason = seen.fault or seen.last_failure or circuit.reason
        return replace(circuit, state="open", reason=reason, probe_at=now + HALF_OPEN_AFTER)
    if seen.wait and circuit.state == "open":
        longer = now + min(seen.wait, LONGEST_HOLD)
        return replace(circuit, probe_at=max(circuit.probe_at or longer, longer))
    return circuit


def _held(circuit: Circuit, wait: timedelta, now: datetime) -> Circuit:
    """It asked us to wait: nobody is posted to it before that, and then one message goes first."""
    held = replace(circuit, state="open", reason=LIMITED, opened_at=circuit.opened_at or now, waits=circuit.waits + 1)
    return replace(held, probe_at=now + min(wait, LONGEST_HOLD))


def _closed(circuit: Circuit, seen: Seen, now: datetime) -> Circuit:
    if seen.fault is not None:
        return _opened(circuit, seen.fault, now, probe_at=_first_probe(circuit, now))
    if seen.percent >= OPENS_AT:
        return _opened(circuit, seen.last_failure or "failing", now, probe_at=now + HALF_OPEN_AFTER)
    if seen.wait:
        return _held(circuit, seen.wait, now)
    return circuit


def _opened(circuit: Circuit, reason: str, now: datetime, *, probe_at: datetime) -> Circuit:
    return replace(circuit, state="open", reason=reason, opened_at=now, probe_at=probe_at)


def _first_probe(circuit: Circuit, now: datetime) -> datetime:
    """Where others were accepted just now, the message itself may be what is wrong: another one is tried at once."""
    known_good = circuit.accepted_at is not None and now - circuit.accepted_at < WINDOW
    return now if known_good else now + HALF_OPEN_AFTER


def _told(circuit: Circuit, seen: Seen) -> Circuit:
    """Each level is told once, until fewer fail than the lowest of them."""
    reached = max((level for level in LEVELS if seen.percent >= level), default=0)
    if reached == 0 and circuit.state == "closed":
        return replace(circuit, alerted=0)
    return replace(circuit, alerted=max(circuit.alerted, reached))


def fault_sentence(reason: str, endpoint: str) -> str:
    """Say that the endpoint is wrong or fails, not the messages, and what to look at."""
    if _WRONG.fullmatch(reason) is None:
        return (
            f"The webhook at {endpoint} fails ({reason}): sending pauses until a message comes through, which is tried "
            "every 30 s; nothing was lost. `ige endpoint show` says how it stands."
        )
    return (
        f"The webhook at {endpoint} answered {reason}, so the endpoint is wrong and not the messages: check "
        "N8N_OUTBOUND_WEBHOOK_URL, IGE_WEBHOOK_AUTH_HEADER and that the n8n workflow is active; nothing was lost. One "
        "message is tried every 30 s, or `ige endpoint resume`."
    )


def wait_sentence(circuit: Circuit, endpoint: str) -> str:
    """Say that the endpoint asked for fewer messages, and until when nothing goes to it."""
    until = "" if circuit.probe_at is None else f" until {circuit.probe_at.astimezone(UTC):%H:%M:%S} UTC"
    again = f" ({circuit.waits} times in a row)" if circuit.waits > 1 else ""
    return (
        f"The webhook at {endpoint} answered 429{again}, so it wants fewer messages: nothing goes to it{until}, and "
        "nothing was lost. Should that go on, lower `messages_per_second`; `ige endpoint resume` tries at once."
    )


def news(before: Circuit, now: Circuit, seen: Seen, *, endpoint: str) -> list[tuple[str, str]]:
    """Say what a person should hear of this change: kind and sentence."""
    told = []
    if now.state != "closed" and not now.limited and (before.state == "closed" or before.limited):
        told.append(("circuit_open", _why(now, seen, endpoint)))
    if now.limited and before.waits < _TELL_AFTER_WAITS <= now.waits:
        told.append(("rate_limited", wait_sentence(now, endpoint)))
    if now.alerted > before.alerted:
        counted = f"{seen.failures} of {seen.calls} calls"
        told.append((f"failing_{now.alerted}", f"Of the last five minutes' calls to {endpoint} {counted} failed."))
    return told


def _why(circuit: Circuit, seen: Seen, endpoint: str) -> str:
    if seen.fault is not None:
        return (
            f"{endpoint} answered {seen.fault}: the endpoint is wrong and not the messages. Sending to it pauses until "
            "a probe comes through, or `ige endpoint resume`."
        )
    return f"{endpoint} fails ({circuit.reason}): sending to it pauses until a probe comes through."
