"""Let a message that ended unsent count as written where it must: see docs/decisions/unsent-messages-that-count.md.

The rule is one function, which Postgres writes out where it is used, so that an index can be kept by it: one look still
says when a subject was last written about. It takes the place of an index that knew waiting and sent messages only. A
rule that changes is a new function with a new index.
"""

from ige_pipeline.postgres.schema_change import create_index, execute

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# What ends a message because the world changed, or because nobody could be reached: it may be written anew at once.
# Every other cancellation is somebody's word: the contractor's (`replied`) or an operator's.
COUNTS = """
CREATE OR REPLACE FUNCTION ige_counts_as_written(cancelled_at timestamptz, cancel_reason text,
                                                 dead_at timestamptz, dead_reason text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (cancelled_at IS NULL
            OR cancel_reason ~ '(^|, )replied(,|$)'
            OR cancel_reason !~ '(^|, )(suppressed|consent_revoked|low_trust|changed_since|item_completed|item_reopened|no_longer_planned|goal_closed|goal_updated|question_answered)(,|$)')
       AND (dead_at IS NULL
            OR dead_reason NOT IN ('no_phone', 'impossible_phone', 'unknown_contractor', 'empty_text'))
$$"""  # noqa: E501 - one pattern

# Only short values are included: a long one must not make another program's INSERT fail.
WRITTEN_ABOUT = (
    "ai_proactive_messages (subject_table, subject_id, id) INCLUDE (sent_at, cancelled_at, dead_at)"
    " WHERE subject_id IS NOT NULL AND expired_at IS NULL"
    " AND ige_counts_as_written(cancelled_at, cancel_reason, dead_at, dead_reason)"
)
# Was this very occurrence cancelled, or did it die? Written only when that happens.
ENDED = "ai_proactive_messages (dedupe_key) WHERE cancelled_at IS NOT NULL OR dead_at IS NOT NULL"


def upgrade() -> None:
    execute(COUNTS)
    create_index("ige_written_about", WRITTEN_ABOUT)
    create_index("ige_ended_by_occurrence", ENDED)
    execute("DROP INDEX CONCURRENTLY IF EXISTS ige_last_message_by_subject")
