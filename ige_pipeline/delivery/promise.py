"""Keep the tables that a message came from in step with it, and notice when it is no longer wanted."""

import logging
from collections.abc import Sequence
from typing import Any

import psycopg

from ige_pipeline.delivery.outcome import Cancelled, Outcome
from ige_pipeline.delivery.switches import audit
from ige_pipeline.ledger.batch import Batch
from ige_pipeline.postgres.array import array
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.numbered import Rows, ask, numbered
from ige_pipeline.postgres.queries import load
from ige_pipeline.postgres.refused import refused_sentence

log = logging.getLogger(__name__)

_QUERIES = load(__package__, "promise.sql")
_UNWANTED = numbered(_QUERIES["no_longer_wanted"])


def close_promises(conn: Connection, batch: Batch) -> None:
    """Take off the old system's lists what this batch decided never to send; a series goes on."""
    for closed in conn.execute(_QUERIES["close_follow_ups"], batch.key).fetchall():
        if closed["goes_on"]:
            _plan_next(conn, closed["id"])
    conn.execute(_QUERIES["close_event_messages"], batch.key)
    if not batch.dry_run:
        _close_nobodys(conn, batch)


def _close_nobodys(conn: Connection, batch: Batch) -> None:
    """Say of what is due and to nobody that it will never be sent; otherwise it would lie there unexplained."""
    for query in ("fail_nobodys_event_messages", "cancel_nobodys_follow_ups"):
        closed = [row["id"] for row in conn.execute(_QUERIES[query])]
        if closed:
            detail = {"batch": batch.id, "reason": "unknown_contractor", "ids": closed}
            audit(conn, who="schedule_messages_job", action=query.replace("_", " "), detail=detail)


def keep_promises(conn: Connection, message_id: int | None = None) -> None:
    """Write into follow-ups and event messages that they were sent; a recurring one gets its next occurrence.

    Without a message id, for all whose message ended and whose row does not say so yet. What another table refuses
    is logged and stops nobody: the text has left, and its row says so.
    """
    try:
        with conn.transaction():
            for sent in conn.execute(_QUERIES["keep_follow_ups"], {"message_id": message_id}).fetchall():
                _plan_next(conn, sent["id"])
            conn.execute(_QUERIES["keep_event_messages"], {"message_id": message_id})
            conn.execute(_QUERIES["fail_dead_event_messages"])
            for dead in conn.execute(_QUERIES["close_dead_follow_ups"]).fetchall():
                _plan_next(conn, dead["id"])
    except (psycopg.OperationalError, psycopg.InterfaceError):
        raise
    except psycopg.Error as error:
        log.error("What was sent could not be written into its own table: %s", refused_sentence(error))  # noqa: TRY400


def drop_promise(conn: Connection, message_id: int) -> None:
    """Take off the old system's lists what a person cancelled; of a series only this occurrence is missed."""
    for dropped in conn.execute(_QUERIES["drop_follow_up"], {"message_id": message_id}).fetchall():
        _plan_next(conn, dropped["id"])
    conn.execute(_QUERIES["drop_event_message"], {"message_id": message_id})


def _plan_next(conn: Connection, follow_up_id: int) -> None:
    """Plan the next occurrence of a recurring follow-up; one whose table refuses it misses only its own."""
    with conn.transaction():
        row = conn.execute(_QUERIES["next_occurrence"], {"id": follow_up_id}).fetchone()
        if row is not None:
            conn.execute(_QUERIES["link_follow_up"], row | {"id": follow_up_id})


def no_longer_wanted(conn: Connection, message_ids: Sequence[int]) -> dict[int, Outcome]:
    """Return {message: Cancelled with every reason that came up since it was written}, for those with any."""
    return unwanted(ask_unwanted(conn, message_ids))


def ask_unwanted(conn: Connection, message_ids: Sequence[int]) -> Rows:
    """Ask for the rows of `unwanted`; in a pipeline they are there at its end."""
    return ask(conn, _UNWANTED, {"message_ids": array(message_ids)})


def unwanted(rows: Rows) -> dict[int, Outcome]:
    """Return {message: Cancelled with every reason} of those that something speaks against."""
    reasons: dict[int, list[dict[str, Any]]] = {}
    for row in rows:
        reasons.setdefault(row["id"], []).append({"reason": row["reason"], "observed": None, "limit": None})
    return {message_id: Cancelled(tuple(found)) for message_id, found in reasons.items()}
