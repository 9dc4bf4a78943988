"""Create what all runs share of a model's spend limits: one row for each batch and UTC day.

A run takes money from the limits before it asks the model, and gives back what it did not need. What a killed run had
taken stays taken: nobody knows whether the calls that were under way were charged.
"""

from ige_pipeline.postgres.schema_change import execute

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

SPEND = """
CREATE TABLE IF NOT EXISTS ige_model_spend (
    day        date NOT NULL,
    batch_id   bigint NOT NULL,
    taken_usd  numeric(16, 10) NOT NULL DEFAULT 0,
    changed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (day, batch_id)
)"""

BY_BATCH = "CREATE INDEX IF NOT EXISTS ige_model_spend_by_batch ON ige_model_spend (batch_id)"


def upgrade() -> None:
    execute(SPEND)
    execute(BY_BATCH)
