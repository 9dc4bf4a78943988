"""Remember when delivery last succeeded, so that its silence is seen here, also when Dagster's daemon is dead.

A run that finds nothing to do leaves no other trace. Batches have their own rows.
"""

from ige_pipeline.postgres.schema_change import execute

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

LAST_SUCCESS = """
CREATE TABLE IF NOT EXISTS ige_last_success (
    job    text PRIMARY KEY,
    at     timestamptz NOT NULL,
    run_id text NOT NULL
)"""


def upgrade() -> None:
    execute(LAST_SUCCESS)
