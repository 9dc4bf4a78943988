"""Let the celebration of an item count as a message about its goal.

A celebration is about its item, and names the goal in `context_data`, as the old application's messages do. One index
holds both, so that one look, and not two, still finds what was said about a goal without being about it. It takes the
place of the one that held the old messages only (0004). See docs/decisions/celebrations-count-for-their-goal.md.
"""

from ige_pipeline.postgres.schema_change import create_index, execute

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

NAMING_A_GOAL = (
    "ai_proactive_messages ((context_data ->> 'goal_id'), id DESC)"
    " WHERE subject_id IS NULL OR subject_table = 'ai_concierge_checklist_items'"
)


def upgrade() -> None:
    create_index("ige_messages_naming_a_goal", NAMING_A_GOAL)
    execute("DROP INDEX CONCURRENTLY IF EXISTS ige_old_messages_by_goal")
