"""Mark what we sent, so that whatever else became sent gives another program away, although we tried it before.

An attempt alone does not tell: ours may have failed, and the old worker then sent the message. What we sent is not in
the index, so that it stays as small as the old system left it; it takes the place of one that looked at attempts alone.
"""

from ige_pipeline.postgres.schema_change import add_check, add_columns, create_index, execute

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    add_columns("ai_proactive_messages", {"sent_by_us": "boolean NOT NULL DEFAULT false"})
    add_check("ai_proactive_messages", "sent_by_us_is_sent", "NOT sent_by_us OR sent_at IS NOT NULL")
    create_index("ige_sent_by_others", "ai_proactive_messages (sent_at) WHERE sent_at IS NOT NULL AND NOT sent_by_us")
    execute("DROP INDEX CONCURRENTLY IF EXISTS ige_sent_without_us")
