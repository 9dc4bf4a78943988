"""Let drafts wait for a person: who approved one and when, and an index that finds what waits or was rejected.

The index is built on the ledger, which is ours and holds few such rows: batches wait for it, nobody else does.
"""

from ige_pipeline.postgres.schema_change import add_columns, execute

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

COLUMNS = {"approved_at": "timestamptz", "approved_by": "text"}

# Does a draft for this occurrence wait, or was one rejected? And: what was held and must expire?
INDEX = """
CREATE INDEX IF NOT EXISTS ige_decisions_in_hand ON ige_decisions (dedupe_key) WHERE verdict IN ('held', 'rejected')"""


def upgrade() -> None:
    add_columns("ige_decisions", COLUMNS)
    execute(INDEX)
