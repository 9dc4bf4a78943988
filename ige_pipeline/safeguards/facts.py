"""What is known now of a few contractors: a batch's facts, as plain rows."""

from collections.abc import Iterable, Sequence
from typing import Any

from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.numbered import Rows, ask, numbered
from ige_pipeline.postgres.queries import load
from ige_pipeline.safeguards.phonebook import Sharing
from ige_pipeline.settings import Settings

_FACTS = load(__package__, "facts.sql")
_AT_SENDING = numbered(_FACTS["recipient_facts"])


def facts_at_sending(
    conn: Connection,
    contractor_ids: Iterable[int | None],
    settings: Settings,
    *,
    sharing: Sharing,
    message_ids: Sequence[int],
) -> dict[int | None, dict[str, Any]]:
    """Return {contractor id: facts by column}; of other messages those count that were sent or are leased.

    `message_ids` are the messages about to be sent, which are left out of account.
    """
    rows = ask_at_sending(conn, contractor_ids, settings, sharing=sharing, message_ids=message_ids)
    return {row["contractor_id"]: row for row in rows}


def ask_at_sending(
    conn: Connection,
    contractor_ids: Iterable[int | None],
    settings: Settings,
    *,
    sharing: Sharing,
    message_ids: Sequence[int],
) -> Rows:
    """Ask for the rows of `facts_at_sending`; in a pipeline they are there at its end."""
    ids = list(contractor_ids)
    asked = sharing.of(ids) | {"contractor_ids": ids, "sending": True, "message_ids": list(message_ids)}
    known = ((name, getattr(settings, name)) for name in _AT_SENDING.names if name not in asked)
    return ask(conn, _AT_SENDING, {**asked, **dict(known)})


def facts_at_scheduling(
    conn: Connection, contractor_ids: Iterable[int], settings: Settings, *, sharing: Sharing
) -> dict[int | None, dict[str, Any]]:
    """Return {contractor id: facts by column} as a batch would see them: what still waits counts, too."""
    ids = list(contractor_ids)
    asked = settings.model_dump() | sharing.of(ids) | {"contractor_ids": ids, "sending": False, "message_ids": []}
    return {row["contractor_id"]: row for row in conn.execute(_FACTS["recipient_facts"], asked)}
