"""What one delivery run did, counted as it goes."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ige_pipeline.delivery.circuit import Circuit, Seen
from ige_pipeline.delivery.outcome import Delivered, EndpointFault, Outcome, Retry
from ige_pipeline.delivery.reply import Answered, Broken, Lost, Refused, Reply, Unreached
from ige_pipeline.delivery.settlement import Ended

_WRONG = frozenset({401, 403, 404, 405, 410})
_TRY_AGAIN = frozenset({408, 425})
_TOO_MANY = 429


@dataclass
class DeliveryReport:
    """Outcomes by name, POSTs made, deliveries for each batch hour, and how the endpoint stands.

    `fault`: why the endpoint's circuit opened, or stayed open, under this run, unless it only asked us to wait.
    """

    counts: Counter[str] = field(default_factory=Counter)
    posted: int = 0
    delivered_by_hour: Counter[datetime] = field(default_factory=Counter)
    fault: str | None = None
    circuit: Circuit = field(default_factory=Circuit)
    seconds: float = 0.0
    stopped: bool = False

    def count(self, ended: Ended, *, ours: bool, expired: bool) -> None:
        """Count one message; one that another run holds by now is counted apart."""
        name = "Expired" if expired else type(ended.outcome).__name__
        self.counts[name if ours else "LeaseLost"] += 1
        if isinstance(ended.outcome, Delivered) and ours:
            self.delivered_by_hour[ended.lease.batch_hour] += 1

    def stands(self, circuit: Circuit) -> None:
        """Note how the endpoint stands now."""
        self.circuit = circuit
        self.fault = None if circuit.state == "closed" or circuit.limited else circuit.reason


def seen(ended: Collection[Ended]) -> Seen:
    """Say what these POSTs tell of the endpoint.

    A suspect that is answered once more as if the endpoint were wrong tells of itself alone, and so does one that is
    once more asked to wait while others are accepted.
    """
    posted = [(each, each.sent.reply) for each in ended if each.sent and not isinstance(each.sent.reply, Refused)]
    failed = [each for each, reply in posted if is_failure(reply) and not (each.lease.suspect and _is_wrong(reply))]
    faults = [each.outcome.reason for each in failed if isinstance(each.outcome, EndpointFault)]
    probes = [not (is_failure(reply) or is_limit(reply)) for each, reply in posted if each.probe]
    waits = [_wait(each.outcome) for each, reply in posted if is_limit(reply) and not each.lease.limited_alone]
    return Seen(
        calls=len(posted),
        failures=len(failed),
        last_failure=_reason(failed[-1].outcome) if failed else None,
        fault=faults[0] if faults else None,
        probe=probes[0] if probes else None,
        wait=max(waits, default=None),
    )


def accepted_at(ended: Collection[Ended]) -> datetime | None:
    """Return when the newest of those was posted that were accepted."""
    return max((each.sent.at for each in ended if each.sent and isinstance(each.outcome, Delivered)), default=None)


def is_failure(reply: Reply) -> bool:
    """Whether a reply speaks against the endpoint; what it says of the message alone, or of our pace, does not."""
    match reply:
        case Answered(status):
            if 200 <= status < 300:  # noqa: PLR2004 - RFC 9110: successful
                return False
            return _is_wrong(reply) or status >= 500 or status in _TRY_AGAIN  # noqa: PLR2004 - RFC 9110
        case Unreached() | Broken() | Lost():
            return True
        case Refused():
            return False


def is_limit(reply: Reply) -> bool:
    """Whether the endpoint wants fewer messages (RFC 6585: Too Many Requests)."""
    return isinstance(reply, Answered) and reply.status == _TOO_MANY


def tells(reply: Reply) -> bool:
    """Whether a reply may change whether the endpoint is posted to."""
    return is_failure(reply) or is_limit(reply)


def _wait(outcome: Outcome) -> timedelta:
    return outcome.delay if isinstance(outcome, Retry) else timedelta(0)


def _is_wrong(reply: Reply) -> bool:
    return isinstance(reply, Answered) and (reply.status < 400 or reply.status in _WRONG)  # noqa: PLR2004 - RFC 9110


def _reason(outcome: Outcome) -> str:
    reason = getattr(outcome, "reason", None)
    return str(reason or type(outcome).__name__)
