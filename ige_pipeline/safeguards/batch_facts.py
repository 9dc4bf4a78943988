"""A batch's candidates as frames, and what is known of their contractors beside them."""

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd
from psycopg import sql
from psycopg.rows import tuple_row

from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.queries import load
from ige_pipeline.safeguards.phonebook import Sharing, look_up
from ige_pipeline.settings import Settings

_FACTS = load(__package__, "facts.sql")
_QUERIES = load(__package__, "screen.sql")
_KEPT = sql.SQL(_QUERIES["keep_facts"]).format(facts=sql.SQL(_FACTS["recipient_facts"] + "\n"))
KEPT = sql.Identifier("kept_facts")
"""Where the facts of a piece lie until its transaction ends."""
_FETCHED = sql.SQL(_QUERIES["kept_facts"]).format(facts=KEPT)
_TIMES = ("paused_until", "last_sent_at", "recent_last_sent_at", "complained_at", "asked_at")
AT_ONCE = 15_000


def with_facts(
    conn: Connection,
    candidates: Sequence[dict[str, Any]] | pd.DataFrame,
    settings: Settings,
    *,
    consent_needed: bool = True,
    sharing: Sharing | None = None,
    kept: bool = False,
) -> pd.DataFrame:
    """Join candidates with what is known of their contractors now.

    Numbers that are new are read first, unless `sharing` says that this was done. `kept` leaves the facts in a
    temporary table of the transaction, `kept_facts`, beside how the ledger keeps them (`recipient_facts`).
    """
    frame = candidates if isinstance(candidates, pd.DataFrame) else pd.DataFrame(candidates)
    contractor_ids = sorted(set(frame["contractor_id"].tolist()))
    if sharing is None:
        sharing = look_up(conn, contractor_ids, region=settings.default_region)
    asked = settings.model_dump() | sharing.of(contractor_ids)
    asked |= {"contractor_ids": contractor_ids, "sending": False, "message_ids": []}
    if kept:
        conn.execute(_QUERIES["drop_facts"])
        conn.execute(_KEPT, asked, prepare=False)
        facts = fetch_frame(conn, _FETCHED, {})
    else:
        facts = fetch_frame(conn, _FACTS["recipient_facts"], asked)
    for column in _TIMES:
        facts[column] = pd.to_datetime(facts[column], utc=True)
    known = frame.merge(facts, on="contractor_id", how="left", validate="many_to_one")
    return known.assign(consent_needed=consent_needed)


def fetch_frame(conn: Connection, query: str | sql.Composed, values: dict[str, Any]) -> pd.DataFrame:
    """Run a query and return its rows as a frame, by columns: a dict for each row would cost more than the query."""
    with conn.cursor(row_factory=tuple_row, binary=True) as cursor:
        # A plan kept for any number of values is made for ten, and takes minutes for 50,000.
        cursor.execute(query, values, prepare=False)
        names = [column.name for column in cursor.description or ()]
        pieces = [pd.DataFrame(columns=names)]
        while rows := cursor.fetchmany(AT_ONCE):
            pieces.append(pd.DataFrame(dict(zip(names, zip(*rows, strict=True), strict=True))))
    return pd.concat(pieces[1:] or pieces, ignore_index=True)


def of_whole_contractors(candidates: pd.DataFrame, *, at_once: int = AT_ONCE) -> Iterator[pd.DataFrame]:
    """Cut a frame that is sorted by contractor into pieces; the rivals of one contractor stay together."""
    contractors = candidates["contractor_id"].to_numpy()
    start = 0
    while start < len(contractors):
        end = min(start + at_once, len(contractors))
        end = int(contractors.searchsorted(contractors[end - 1], side="right"))
        yield candidates.iloc[start:end].reset_index(drop=True)
        start = end
