"""How a claimed message ends: with what was never to be sent, with what held it back, or with what came back."""

import random
from collections.abc import Callable, Sequence
from datetime import timedelta

from ige_pipeline.delivery.backoff import MAX_ATTEMPTS, Try, decide
from ige_pipeline.delivery.lease import Lease
from ige_pipeline.delivery.look import LastLook
from ige_pipeline.delivery.outcome import Cancelled, Dead, Outcome, Postponed
from ige_pipeline.delivery.settlement import Ended, Sent

Screen = Callable[[Sequence[Lease]], list[Outcome | None]]
"""Says of each message what stops it now, None where nothing does."""
_AT_ONCE = timedelta(0)
STOPPED = Postponed(
    ({"reason": "stopped", "observed": "all sending was stopped", "limit": "ige start"},), delay=_AT_ONCE
)
CIRCUIT_OPENED = Postponed(({"reason": "endpoint_paused", "observed": None, "limit": None},), delay=_AT_ONCE)
HELD_UP = Postponed(({"reason": "held_up", "observed": None, "limit": None},), delay=_AT_ONCE)
"""It was too late to post it: whoever claims it next asks the safeguards again."""
_OPTED_OUT = Cancelled(({"reason": "suppressed", "observed": "opted out", "limit": "no opt-out for this number"},))
_LEASE_LOST = Postponed(({"reason": "lease_lost", "observed": None, "limit": None},))


def unfit(lease: Lease) -> Outcome | None:
    """What no safeguard needs to be asked about."""
    if lease.attempt > MAX_ATTEMPTS:
        return Dead("attempts_exhausted")
    if not lease.message.strip():
        return Dead("empty_text")
    return None


def weigh(leases: Sequence[Lease], screen: Screen) -> tuple[list[Lease], list[Ended]]:
    """Tell those that nothing speaks against from those that end here, each with its reason."""
    ended = [Ended(lease, never) for lease in leases if (never := unfit(lease)) is not None]
    fit = [lease for lease in leases if unfit(lease) is None]
    verdicts = screen(fit) if fit else []
    ended += [Ended(lease, found) for lease, found in zip(fit, verdicts, strict=True) if found is not None]
    return [lease for lease, found in zip(fit, verdicts, strict=True) if found is None], ended


def held_back(lease: Lease, look: LastLook) -> Outcome:
    """Why the last look did not let it go."""
    if look.stopped:
        return STOPPED
    return _OPTED_OUT if lease.message_id in look.opted_out else _LEASE_LOST


def came_back(lease: Lease, sent: Sent, *, probe: bool = False) -> Ended:
    """What its POST makes of it; `probe`: it was sent to find out whether the endpoint can be posted to again."""
    # Jitter only has to differ between messages; nothing secret hangs on it.
    jitter = random.random()  # noqa: S311
    this = Try(
        lease.attempt,
        sent.at,
        jitter,
        rate_limited=lease.rate_limited,
        suspect=lease.suspect,
        probe=probe,
        lost=lease.lost,
    )
    return Ended(lease, decide(sent.reply, this), sent, probe)
