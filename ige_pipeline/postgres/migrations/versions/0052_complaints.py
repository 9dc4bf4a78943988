"""Count somebody's complaints from an index alone, those of which nobody wrote down when, too.

The safeguard looks at two kinds of indicator and at their times. The index holds these kinds only, so that a row of
praise costs its writer nothing, and no row of the table is read for it; before, each indicator of the last days was.
"""

from ige_pipeline.postgres.schema_change import create_index

revision = "0052"
down_revision = "0051"
branch_labels = None
depends_on = None

COMPLAINTS = (
    "ai_trust_indicators (contractor_id, recorded_at DESC)"
    " WHERE indicator_type IN ('negative_feedback', 'ignored_suggestion')"
)


def upgrade() -> None:
    create_index("ige_complaints", COMPLAINTS)
