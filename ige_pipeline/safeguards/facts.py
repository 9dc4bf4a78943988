"""What is known now of a few contractors: a batch's facts, as plain rows."""

from collections.abc import Iterable, Sequence
from typing import Any

from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.queries import load
from ige_pipeline.safeguards.phonebook import Sharing
from ige_pipeline.settings import Settings

_FACTS = load(__package__, "facts.sql")


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
    ids = list(contractor_ids)
    asked = settings.model_dump() | sharing.of(ids)
    asked |= {"contractor_ids": ids, "sending": True, "message_ids": list(message_ids)}
    return {row["contractor_id"]: row for row in conn.execute(_FACTS["recipient_facts"], asked)}


def facts_at_scheduling(
    conn: Connection, contractor_ids: Iterable[int], settings: Settings, *, sharing: Sharing
) -> dict[int | None, dict[str, Any]]:
    """Return {contractor id: facts by column} as a batch would see them: what still waits counts, too."""
    ids = list(contractor_ids)
    asked = settings.model_dump() | sharing.of(ids) | {"contractor_ids": ids, "sending": False, "message_ids": []}
    return {row["contractor_id"]: row for row in conn.execute(_FACTS["recipient_facts"], asked)}
