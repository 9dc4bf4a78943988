"""Let the history of a message say that a person sent it on its way again, and find dead letters by their time."""

from ige_pipeline.postgres.schema_change import add_check, create_index, execute

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

OUTCOMES = (
    "outcome IN ('Delivered', 'Retry', 'Dead', 'Ambiguous', 'Postponed', 'Cancelled', 'Expired', 'EndpointFault',"
    " 'Redriven')"
)


def upgrade() -> None:
    execute("ALTER TABLE ige_delivery_attempts DROP CONSTRAINT IF EXISTS outcome_is_known")
    add_check("ige_delivery_attempts", "outcome_is_known", OUTCOMES)
    # `ige dead list`, with millions of rows that did arrive beside them.
    create_index("ige_dead_letters", "ai_proactive_messages (dead_at DESC) WHERE dead_at IS NOT NULL")
