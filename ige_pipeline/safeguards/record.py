"""Write into the ledger what the safeguards found against a piece of a batch."""

import pandas as pd
from psycopg import sql

from ige_pipeline.ledger.batch import Batch
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.queries import load
from ige_pipeline.safeguards.judgement import Columns
from ige_pipeline.safeguards.piece import Piece, statement
from ige_pipeline.safeguards.ranking import ONE_MESSAGE

_QUERIES = load(__package__, "piece.sql")
# Between the values of a column on their way to Postgres: JSON and our own words never hold it.
_BETWEEN = "\x1e"
# Asking of each row whether it is known costs a fifth of the insert.
_UNLESS_KNOWN = sql.SQL("ON CONFLICT (batch_id, dedupe_key, decided_on) DO NOTHING")


def record_candidates(conn: Connection, batch: Batch, piece: Piece, told: Columns, *, begun: bool = False) -> None:
    """Make decisions of the candidates of a piece that was taken; `told` holds `ids` and something of all not sure.

    `begun` where the safeguards have looked at some of the batch before.

    Raises RuntimeError if somebody would be left undecided: a silence nobody could explain.
    """
    key = piece.key(batch)
    counted = conn.execute(statement("count_piece")).fetchone()
    asked = _joined(told) | key | {"one_message": ONE_MESSAGE}
    write = statement("record_new", unless_known=_UNLESS_KNOWN if begun else sql.SQL(""))
    recorded = conn.execute(write, asked, prepare=False).rowcount
    if counted is None or recorded != counted["candidates"]:
        _require_all_decided(conn, batch)
    conn.execute(statement("forget_screened"), key)


def _require_all_decided(conn: Connection, batch: Batch) -> None:
    """Another run may have decided about some of them a moment before us; whoever is left was forgotten."""
    row = conn.execute(statement("left_undecided"), batch.key, prepare=False).fetchone()
    if row is None or row["left_undecided"]:
        raise RuntimeError(f"Batch {batch.id}: nobody decided about {row and row['left_undecided']} candidates.")


def record_decisions(conn: Connection, batch: Batch, decisions: pd.DataFrame, told: Columns) -> None:
    """Write beside decisions that are in the ledger already; `told` holds `ids` and something of each."""
    contractors = decisions["contractor_id"].tolist()
    rows = conn.execute(statement("facts_as_text"), {"contractor_ids": contractors})
    facts = {row["contractor_id"]: row["facts"] for row in rows}
    conn.execute(_QUERIES["plan_for_look_ups"])
    columns = _joined(told | {"facts": [facts[each] for each in contractors]})
    conn.execute(_QUERIES["record_screening"], columns | {"decided_on": batch.decided_on})


def _joined(columns: Columns) -> dict[str, str]:
    return {name: _BETWEEN.join(values) for name, values in columns.items()}
