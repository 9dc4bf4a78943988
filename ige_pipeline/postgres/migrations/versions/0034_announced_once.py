"""Find out at once whether an action item that falls due was announced already, with another goal of the same person.

An index of what we wrote for that one trigger alone: nobody else's INSERT pays for it, and what falls due within days
is looked up in it. Only the item's id is kept.
"""

from ige_pipeline.postgres.schema_change import create_index

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

ANNOUNCED = "ai_proactive_messages ((context_data ->> 'action_item_id')) WHERE trigger_name = 'milestone_approaching'"


def upgrade() -> None:
    create_index("ige_announced_items", ANNOUNCED)
