"""Know a reply by its digest once its text is forgotten.

Without the text, the same reply under the same id counted as another one, and was done again.
"""

from ige_pipeline.postgres.schema_change import add_columns

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    add_columns("ige_inbound_messages", {"body_digest": "bytea"})
