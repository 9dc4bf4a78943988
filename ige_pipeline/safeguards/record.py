"""Write into the ledger what the safeguards found against a piece of a batch."""

import pandas as pd
from psycopg import sql

from ige_pipeline.ledger.batch import Batch
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.queries import load
from ige_pipeline.safeguards.batch_facts import KEPT
from ige_pipeline.safeguards.judgement import Columns

_QUERIES = load(__package__, "screen.sql")
_RECORD_NEW = sql.SQL(_QUERIES["record_new"]).format(facts=KEPT)
_FACTS_AS_TEXT = sql.SQL(_QUERIES["facts_as_text"]).format(facts=KEPT)
# Between the values of a column on their way to Postgres: JSON and our own words never hold it.
_BETWEEN = "\x1e"


def record_candidates(conn: Connection, batch: Batch, candidates: pd.DataFrame, told: Columns) -> None:
    """Make decisions of a piece's candidates; `told` holds a column `ids`, and nothing of those who are free to go.

    The piece is all that the batch has between its first contractor and its last, and its facts are kept.
    """
    contractors = candidates["contractor_id"]
    piece = batch.key | {"first": int(contractors.iloc[0]), "last": int(contractors.iloc[-1])}
    conn.execute(_QUERIES["plan_for_hashes"])
    conn.execute(_RECORD_NEW, _joined(told) | piece, prepare=False)
    conn.execute(_QUERIES["forget_screened"], piece)


def record_decisions(conn: Connection, batch: Batch, decisions: pd.DataFrame, told: Columns) -> None:
    """Write beside decisions that are in the ledger already; `told` holds `ids` and something of each."""
    contractors = decisions["contractor_id"].tolist()
    rows = conn.execute(_FACTS_AS_TEXT, {"contractor_ids": contractors})
    facts = {row["contractor_id"]: row["facts"] for row in rows}
    conn.execute(_QUERIES["plan_for_look_ups"])
    columns = _joined(told | {"facts": [facts[each] for each in contractors]})
    conn.execute(_QUERIES["record_screening"], columns | {"decided_on": batch.decided_on})


def _joined(columns: Columns) -> dict[str, str]:
    return {name: _BETWEEN.join(values) for name, values in columns.items()}
