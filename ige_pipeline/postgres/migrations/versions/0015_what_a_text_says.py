"""Keep of each text in which style it is, for which number it was written, and whether it says who writes.

A number is introduced by a text that was sent to it and names the sender. `written_for` is that number (E.164, or the
digits of a local one), so that the numbers that a contractor had before, or has from now on, are others.
"""

from ige_pipeline.postgres.schema_change import add_columns, create_index

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

COLUMNS = {
    "text_style": "text",
    "written_for": "text",
    "says_opt_out": "boolean NOT NULL DEFAULT false",
}

# Was this number told who writes, and how long ago?
INTRODUCTIONS = "ai_proactive_messages (written_for, sent_at) WHERE says_opt_out"


def upgrade() -> None:
    for table in ("ai_proactive_messages", "ige_decisions"):
        add_columns(table, COLUMNS)
    create_index("ige_introductions", INTRODUCTIONS)
