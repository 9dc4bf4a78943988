"""Find the last hour's and the oldest attempts without reading all of them, for checks and for retention.

Attempts are written in the order of their time, so that a summary of each stretch of the table is enough, and costs the
delivery run next to nothing.
"""

from ige_pipeline.postgres.schema_change import create_index

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_index("ige_attempts_by_time", "ige_delivery_attempts USING brin (ended_at) WITH (pages_per_range = 16)")
