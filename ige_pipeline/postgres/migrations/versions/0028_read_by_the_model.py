"""Remember which replies a model has read: each is shown to it once."""

from ige_pipeline.postgres.schema_change import add_columns, create_index

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    add_columns("ige_inbound_messages", {"read_by": "text"})
    create_index(
        "ige_inbound_unread",
        "ige_inbound_messages (received_at, id)"
        " WHERE meaning = 'reply' AND indicator IS NULL AND read_by IS NULL AND contractor_id IS NOT NULL",
    )
