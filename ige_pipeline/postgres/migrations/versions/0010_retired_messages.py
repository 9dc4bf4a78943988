"""Create the shelf on which `ige retire` puts unsent messages, so that the old system's worker does not text them."""

from ige_pipeline.postgres.schema_change import execute

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

# Whole rows as JSON: whatever columns the application has or adds, they come back as they were.
RETIRED = """
CREATE TABLE IF NOT EXISTS ige_retired_messages (
    message_id bigint PRIMARY KEY,
    message    jsonb NOT NULL,
    retired_at timestamptz NOT NULL DEFAULT now(),
    retired_by text NOT NULL,
    CONSTRAINT retired_was_not_sent CHECK (message -> 'sent_at' = 'null')
)"""


def upgrade() -> None:
    execute(RETIRED)
