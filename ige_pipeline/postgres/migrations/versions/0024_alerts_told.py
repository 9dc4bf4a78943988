"""Keep of each alert how often it was seen, and what of it somebody was told.

Whoever tells others may only speak so often, on all machines: what it left out is told with the next.
"""

from ige_pipeline.postgres.schema_change import execute

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

COLUMNS = """
ALTER TABLE ige_alerts
    ADD COLUMN IF NOT EXISTS times integer NOT NULL DEFAULT 1,
    ADD COLUMN IF NOT EXISTS last_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN IF NOT EXISTS told_at timestamptz,
    ADD COLUMN IF NOT EXISTS told_times integer NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS end_told_at timestamptz"""


OVER = """
UPDATE ige_alerts SET told_at = ended_at, told_times = times, end_told_at = ended_at WHERE ended_at IS NOT NULL"""


def upgrade() -> None:
    execute(COLUMNS)
    # What is over was nobody's to hear.
    execute(OVER)
