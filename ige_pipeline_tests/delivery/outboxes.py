"""Real outboxes in a test's database, and the rows in which their work can be seen."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from uuid import UUID

from psycopg.rows import DictRow

from ige_pipeline.delivery.claim import GONE_FOR_S
from ige_pipeline.delivery.lease import Lease
from ige_pipeline.delivery.outbox import Outbox, open_outbox
from ige_pipeline.delivery.outcome import Delivered, Outcome
from ige_pipeline.delivery.settlement import Ended, Sent
from ige_pipeline.postgres.connection import Connection, connect
from ige_pipeline.settings import Settings
from ige_pipeline_tests.delivery.fakes import ACCEPTED, NOON, awake
from ige_pipeline_tests.factories import fetch, make_contractor, make_message

SENT = Sent(at=NOON, duration_ms=5, reply=ACCEPTED)


@contextmanager
def outbox_on(
    url: str,
    *,
    adopted: bool = True,
    run_id: str = "run",
    endpoint: str = "host:1",
    gone_for_s: float = GONE_FOR_S,
    **settings: Any,
) -> Iterator[Outbox]:
    """Open an outbox over a connection of its own, as a run does; at the end the connection closes."""
    asked = Settings(**settings)
    with (
        connect(url) as conn,
        open_outbox(conn, asked, run_id=run_id, adopted=adopted, endpoint=endpoint, gone_for_s=gone_for_s) as outbox,
    ):
        yield outbox


@contextmanager
def two_outboxes(url: str) -> Iterator[tuple[Outbox, Outbox]]:
    """Open the outboxes of two runs that overlap."""
    with ExitStack() as stack:
        yield stack.enter_context(outbox_on(url, run_id="one")), stack.enter_context(outbox_on(url, run_id="two"))


def waiting(conn: Connection, **over: Any) -> int:
    """Put a message to somebody new, who is awake, into the outbox and return its id."""
    return make_message(conn, make_contractor(conn, timezone=awake()), **over)


def message(conn: Connection, message_id: int) -> DictRow:
    """Return a row of the outbox."""
    return fetch(conn, "ai_proactive_messages", message_id)


def attempts(conn: Connection, message_id: int) -> list[DictRow]:
    """Return what was recorded of a message's attempts, in order."""
    query = "SELECT * FROM ige_delivery_attempts WHERE message_id = %s ORDER BY id"
    return conn.execute(query, [message_id]).fetchall()


def claim(outbox: Outbox) -> Lease | None:
    """Claim the next message, if there is one."""
    leases = outbox.claim()
    assert len(leases) <= 1
    return leases[0] if leases else None


def claimed(outbox: Outbox) -> Lease:
    """Claim the next message; there must be one."""
    lease = claim(outbox)
    assert lease is not None
    return lease


def claimed_in_a_while(outbox: Outbox) -> Lease:
    """Claim the next message once those are believed to be gone that seem so."""
    time.sleep(outbox.looks_again_in() or 0)
    return claimed(outbox)


def settle(outbox: Outbox, lease: Lease, outcome: Outcome, sent: Sent | None) -> bool:
    """Settle one message; return whether it was ours to settle."""
    return lease.message_id in outbox.settle([Ended(lease, outcome, sent)])


def claim_all(outbox: Outbox) -> list[int]:
    """Claim and deliver until nothing is due; return the messages in that order."""
    order = []
    while (lease := claim(outbox)) is not None:
        order.append(lease.message_id)
        settle(outbox, lease, Delivered(), SENT)
    return order


def lease_token(conn: Connection, message_id: int) -> UUID | None:
    """Return under which token a message is leased, if it is."""
    token = message(conn, message_id)["lease_token"]
    assert token is None or isinstance(token, UUID)
    return token


def turn_switch(conn: Connection, name: str, value: str, reason: str | None = None) -> None:
    """Set one of the switches as `ige stop` and `ige adopt` do."""
    conn.execute(
        "INSERT INTO ige_switches (name, value, reason, changed_by) VALUES (%s, %s::jsonb, %s, 'test') "
        "ON CONFLICT (name) DO UPDATE SET value = excluded.value, reason = excluded.reason",
        [name, value, reason],
    )
