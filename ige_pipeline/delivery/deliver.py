"""Empty the outbox through the webhook: wait for the pace, claim, screen again, post, settle, count."""

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ige_pipeline.delivery.backoff import MAX_ATTEMPTS, Try, decide
from ige_pipeline.delivery.endpoint import Endpoint
from ige_pipeline.delivery.lease import Lease
from ige_pipeline.delivery.outbox import Outbox, Sent, Standing, open_outbox, standing
from ige_pipeline.delivery.outcome import Dead, Delivered, EndpointFault, Outcome, Postponed
from ige_pipeline.delivery.rescreen import rescreen
from ige_pipeline.loopback import is_loopback
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.refusal import Refusal
from ige_pipeline.settings import Settings

Screen = Callable[[Lease], Outcome | None]
Progress = Callable[[Lease, Outcome], None]
_STOPPED = Postponed(
    ({"reason": "stopped", "observed": "all sending was stopped", "limit": "ige start"},), delay=timedelta(0)
)
_LEASE_LOST = Postponed(({"reason": "lease_lost", "observed": None, "limit": None},))


@dataclass
class DeliveryReport:
    """What one run did: outcomes by name, POSTs made, and deliveries for each batch hour."""

    counts: Counter[str] = field(default_factory=Counter)
    posted: int = 0
    delivered_by_hour: Counter[datetime] = field(default_factory=Counter)
    fault: str | None = None
    seconds: float = 0.0
    stopped: bool = False


def require_permission(now: Standing, settings: Settings) -> None:
    """Refuse to send while all sending is stopped, or while the old system's worker seems to be sending too."""
    if now.stopped:
        raise Refusal(f"All sending is stopped ({now.stop_reason}): `ige start` lifts it.")
    if now.other_sender and not settings.ignore_other_sender:
        raise Refusal(
            "Another program marked messages as sent within the last hour: stop the old delivery worker and wait an "
            "hour, or set IGE_IGNORE_OTHER_SENDER=true if you are sure.",
        )


def deliver(
    conn: Connection,
    endpoint: Endpoint,
    settings: Settings,
    *,
    run_id: str,
    progress: Progress = lambda _lease, _outcome: None,
    sleep: Callable[[float], None] = time.sleep,
) -> DeliveryReport:
    """Post what is due, at most `max_messages_per_run`, `messages_per_second` from start to start.

    Raises Refusal before any row is touched while sending is not allowed. No transaction is open while we post.
    """
    now = standing(conn)
    require_permission(now, settings)
    report, began = DeliveryReport(), time.monotonic()
    with open_outbox(conn, settings, run_id=run_id, adopted=now.adopted) as outbox:
        run(
            outbox,
            endpoint,
            screen=lambda lease: rescreen(conn, [lease], settings, consent_needed=not is_loopback(endpoint.name))[0],
            limit=settings.max_messages_per_run,
            report=report,
            progress=progress,
            sleep=sleep,
        )
    report.seconds = time.monotonic() - began
    return report


def run(
    outbox: Outbox,
    endpoint: Endpoint,
    *,
    screen: Screen,
    limit: int,
    report: DeliveryReport,
    progress: Progress,
    sleep: Callable[[float], None],
) -> None:
    """Work until nothing is due, the limit is reached, all sending is stopped, or the endpoint turns out to be wrong.

    A row that ends without a POST uses up neither the limit nor the moment that was waited for.
    """
    paced = False
    while report.posted < limit and report.fault is None and not report.stopped:
        if not paced:
            sleep(outbox.reserve_pace(endpoint.name))
            paced = True
        lease = outbox.claim()
        if lease is None:
            return
        outcome, sent = attempt(outbox, lease, endpoint, screen)
        paced = sent is None
        _count(report, lease, outcome, sent, settled=outbox.settle(lease, outcome, sent))
        progress(lease, outcome)


def attempt(outbox: Outbox, lease: Lease, endpoint: Endpoint, screen: Screen) -> tuple[Outcome, Sent | None]:
    """Say what becomes of one message; post it only if nothing at all speaks against it."""
    stopped_by = _unfit(lease) or screen(lease)
    if stopped_by is not None:
        return stopped_by, None
    leased, halted = outbox.may_post(lease)
    if halted or not leased:
        return (_STOPPED if halted else _LEASE_LOST), None
    began = time.monotonic()
    reply = endpoint.post(lease, key=str(lease.idempotency_key), now=lease.now)
    sent = Sent(at=lease.now, duration_ms=round((time.monotonic() - began) * 1000), reply=reply)
    # Jitter only has to differ between messages; nothing secret hangs on it.
    jitter = random.random()  # noqa: S311
    return decide(reply, Try(lease.attempt, lease.now, jitter, lease.rate_limited)), sent


def _unfit(lease: Lease) -> Outcome | None:
    """What no safeguard needs to be asked about."""
    if lease.attempt > MAX_ATTEMPTS:
        return Dead("attempts_exhausted")
    if not lease.message.strip():
        return Dead("empty_text")
    return None


def _count(report: DeliveryReport, lease: Lease, outcome: Outcome, sent: Sent | None, *, settled: bool) -> None:
    report.counts[type(outcome).__name__ if settled else "LeaseLost"] += 1
    report.posted += sent is not None
    report.stopped |= outcome == _STOPPED
    if isinstance(outcome, EndpointFault):
        report.fault = outcome.reason
    if isinstance(outcome, Delivered) and settled:
        report.delivered_by_hour[lease.batch_hour] += 1
