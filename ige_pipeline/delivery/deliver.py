"""Empty the outbox through the webhook: wait for the pace, claim, screen again, post, settle, count."""

import time
from collections.abc import Callable, Sequence
from contextlib import closing

from ige_pipeline.delivery.books import Books
from ige_pipeline.delivery.breaker import Breaker, forget_old_calls
from ige_pipeline.delivery.confirmation import confirm_first
from ige_pipeline.delivery.endpoint import Endpoint
from ige_pipeline.delivery.lease import Lease
from ige_pipeline.delivery.marks import Marks
from ige_pipeline.delivery.outbox import Outbox, Standing, note_success, open_outbox, standing
from ige_pipeline.delivery.outcome import Outcome
from ige_pipeline.delivery.rescreen import rescreen
from ige_pipeline.delivery.run import Progress, Run
from ige_pipeline.delivery.settlement import Ended
from ige_pipeline.delivery.slots import Slots
from ige_pipeline.delivery.tally import DeliveryReport
from ige_pipeline.ledger.home import require_home
from ige_pipeline.loopback import is_loopback
from ige_pipeline.postgres.connection import Connection, another
from ige_pipeline.refusal import Refusal
from ige_pipeline.settings import Settings

RefusalTaker = Callable[[Connection, Ended, Settings], None]
"""Does what the answer to a POST says of the number that it went to: it opted out, or is no mobile."""


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
    take_refusal: RefusalTaker | None = None,
) -> DeliveryReport:
    """Post what is due, at most `max_messages_per_run`, `messages_per_second` from start to start.

    Raises Refusal before any row is touched while sending is not allowed. No transaction is open while we post.
    """
    require_home(conn)
    now = standing(conn)
    require_permission(now, settings)
    forget_old_calls(conn)
    report, began = DeliveryReport(), time.monotonic()

    def screen(leases: Sequence[Lease]) -> list[Outcome | None]:
        needed = not is_loopback(endpoint.name)
        return rescreen(conn, leases, settings, consent_needed=needed, beside=outbox.look_beside)

    breaker = Breaker(conn, endpoint=endpoint.name, lease_seconds=settings.lease_seconds)
    with (
        open_outbox(conn, settings, run_id=run_id, adopted=now.adopted, endpoint=endpoint.name) as outbox,
        closing(_books(conn, outbox, breaker, settings, take_refusal)) as books,
        closing(Slots(endpoint, count=settings.delivery_concurrency)) as slots,
        closing(Marks(books.write, beat=books.show_life)) as marks,
    ):
        confirm_first(conn, outbox, slots, report, screen=screen, write=books.write)
        run = Run(outbox, slots, breaker, marks, screen=screen, settings=settings, report=report, progress=progress)
        run.work()
    report.seconds = time.monotonic() - began
    if report.fault is None or not report.posted:
        # One that found the endpoint wrong has not succeeded; one that found this known did what it could.
        note_success(conn, run_id=run_id)
    return report


def _books(
    conn: Connection, outbox: Outbox, breaker: Breaker, settings: Settings, take_refusal: RefusalTaker | None
) -> Books:
    def heed(own: Connection, ended: Ended) -> None:
        if take_refusal is not None:
            take_refusal(own, ended, settings)

    reopen, patience_s = another(conn), settings.lease_seconds
    return Books(outbox, breaker, reopen=reopen, patience_s=patience_s, take_refusal=heed)
