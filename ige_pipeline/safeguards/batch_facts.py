"""What is known of many contractors at once, as frames."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
from psycopg import sql
from psycopg.rows import tuple_row

from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.queries import load
from ige_pipeline.safeguards.phonebook import look_up
from ige_pipeline.settings import Settings

_FACTS = load(__package__, "facts.sql")
_TIMES = ("paused_until", "last_sent_at", "recent_last_sent_at", "complained_at", "asked_at")
_AT_ONCE = 15_000


def with_facts(
    conn: Connection,
    candidates: Sequence[dict[str, Any]],
    settings: Settings,
    *,
    consent_needed: bool = True,
) -> pd.DataFrame:
    """Join candidates with what is known of their contractors now; numbers that are new are read first."""
    frame = pd.DataFrame(candidates)
    contractor_ids = sorted(set(frame["contractor_id"].tolist()))
    sharing = look_up(conn, contractor_ids, region=settings.default_region)
    asked = facts_asked(contractor_ids, settings, shared=sharing.of(contractor_ids))
    facts = as_times(fetch_frame(conn, _FACTS["recipient_facts"], asked))
    known = frame.merge(facts, on="contractor_id", how="left", validate="many_to_one")
    return known.assign(consent_needed=consent_needed)


def facts_asked(
    contractor_ids: Sequence[int] | str, settings: Settings, *, shared: dict[str, list[int]]
) -> dict[str, Any]:
    """Return what `recipient_facts` asks for when a message is to be written: everything that waits counts.

    `contractor_ids` may also be the text of an array; `shared` says which of them have a number in common.
    """
    asked = settings.model_dump() | shared
    return asked | {"contractor_ids": contractor_ids, "sending": False, "message_ids": []}


def as_times(frame: pd.DataFrame) -> pd.DataFrame:
    """Turn a frame's columns of times into such, also where all of one are empty."""
    return frame.assign(**{name: pd.to_datetime(frame[name], utc=True) for name in _TIMES})


def fetch_frame(conn: Connection, query: str | sql.Composed, values: dict[str, Any]) -> pd.DataFrame:
    """Run a query and return its rows as a frame, by columns: a dict for each row would cost more than the query."""
    with conn.cursor(row_factory=tuple_row, binary=True) as cursor:
        # A plan kept for any number of values is made for ten, and takes minutes for 50,000.
        cursor.execute(query, values, prepare=False)
        names = [column.name for column in cursor.description or ()]
        pieces = [pd.DataFrame(columns=names)]
        while rows := cursor.fetchmany(_AT_ONCE):
            pieces.append(pd.DataFrame(dict(zip(names, zip(*rows, strict=True), strict=True))))
    return pd.concat(pieces[1:] or pieces, ignore_index=True)
