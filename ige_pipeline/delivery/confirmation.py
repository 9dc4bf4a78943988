"""The one message that passes a suppression: to somebody who has just opted out, that they did, once.

It passes quiet hours, a pause, the caps and the pace as well, and nothing else: what cannot be dialled or evaluated, a
consent that was revoked, and a stop of all sending hold it like any other. Of the pace it passes only its own waiting:
what follows it keeps its distance from it.
"""

from collections.abc import Callable, Sequence

from ige_pipeline.delivery.ending import HELD_UP, came_back, held_back
from ige_pipeline.delivery.lease import Lease
from ige_pipeline.delivery.look import LOOKS
from ige_pipeline.delivery.marks import Write
from ige_pipeline.delivery.outbox import Outbox
from ige_pipeline.delivery.outcome import Cancelled, Outcome
from ige_pipeline.delivery.settlement import Ended
from ige_pipeline.delivery.slots import Landed, Slots
from ige_pipeline.delivery.tally import DeliveryReport, is_failure
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.queries import load
from ige_pipeline.safeguards.finding import Finding
from ige_pipeline.safeguards.reason import Reason

_QUERIES = load(__package__, "confirmation.sql")

PASSES = frozenset({Reason.SUPPRESSED, Reason.PAUSED, Reason.QUIET_HOURS, Reason.CAP_STATE})
"""What is looked past for a confirmation that holds. As a promised message the other caps and gaps are not its own."""
OVER = Cancelled(({"reason": "confirmation_over", "observed": None, "limit": "5 minutes"},))
"""The opt-out was taken back, is older than five minutes, or is of another number than theirs."""
_LONG_S = 60.0


def confirmations(conn: Connection, leases: Sequence[Lease], *, region: str) -> dict[int, bool]:
    """Return {message: whether it holds} of those that are confirmations; nothing that is not promised is one."""
    ids = [lease.message_id for lease in leases if lease.promised]
    if not ids:
        return {}
    rows = conn.execute(_QUERIES["confirmations"], {"message_ids": ids, "region": region})
    return {row["id"]: row["holds"] for row in rows}


def standing_against(findings: Sequence[Finding]) -> list[Finding]:
    """Return what holds even a confirmation."""
    return [each for each in findings if each.reason not in PASSES]


def confirm_first(
    conn: Connection,
    outbox: Outbox,
    slots: Slots,
    report: DeliveryReport,
    *,
    screen: Callable[[Sequence[Lease]], list[Outcome | None]],
    write: Write,
) -> None:
    """Send what confirms opt-outs before anything else, without waiting for the pace; the next run tries the rest.

    They count like any other POST, and none follows one that failed: what comes after them must not wait for all.
    """
    for row in conn.execute(_QUERIES["due_confirmations"]).fetchall():
        for lease in outbox.claim_this(row["id"]):
            ended = _send(lease, outbox, slots, screen)
            written, circuit = write([ended])
            settled = written.get(lease.message_id)
            report.count(ended, ours=settled is not None, expired=settled is not None and settled.expired)
            report.posted += ended.sent is not None
            if circuit is not None:
                report.stands(circuit)
            if ended.sent is not None and is_failure(ended.sent.reply):
                return


def _send(
    lease: Lease, outbox: Outbox, slots: Slots, screen: Callable[[Sequence[Lease]], list[Outcome | None]]
) -> Ended:
    (found,) = screen([lease])
    if found is not None:
        return Ended(lease, found)
    for _ in range(LOOKS):
        # Before it leaves: what fails afterwards would lose the answer.
        outbox.start_late(1)
        look = outbox.may_post([lease])
        if look.stopped or lease.message_id not in look.leased:
            return Ended(lease, held_back(lease, look))
        slots.start([lease], now=look.now, until=look.until)
        landed = _landed(slots)
        if landed.error is not None:
            raise landed.error
        if landed.sent is not None:
            return came_back(lease, landed.sent)
    return Ended(lease, HELD_UP)


def _landed(slots: Slots) -> Landed:
    """Wait until it is over, however long that takes: what has left must be written down."""
    while not (landed := slots.landed(within_s=_LONG_S)):
        pass
    return landed[0]
