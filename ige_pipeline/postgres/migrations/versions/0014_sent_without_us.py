"""Find at once what became sent without us, however many messages were sent: every delivery run asks before it starts.

What we send has at least one attempt and is not in this index, so that it stays as small as the old system left it.
"""

from ige_pipeline.postgres.schema_change import create_index

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_index("ige_sent_without_us", "ai_proactive_messages (sent_at) WHERE sent_at IS NOT NULL AND attempts = 0")
