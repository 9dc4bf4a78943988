"""Remember what a message that is sent once more was before, and look at receipts of nobody in their turn.

The provider's ids of earlier texts tell their late receipts from those of the newest; while it
waits, when it had left is kept: an answer may be about it.
"""

from ige_pipeline.postgres.schema_change import add_columns, create_index

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    add_columns("ai_proactive_messages", {"earlier_sent_at": "timestamp", "earlier_provider_ids": "text[]"})
    add_columns("ige_receipts", {"looked_at": "timestamptz"})
    create_index("ige_sent_once_more", "ai_proactive_messages (contractor_id) WHERE earlier_sent_at IS NOT NULL")
    create_index("ige_receipts_to_settle", "ige_receipts ((COALESCE(looked_at, received_at)), id) WHERE done = ''")
