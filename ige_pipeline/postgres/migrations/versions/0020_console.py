"""Let the console find things at once with millions of messages, and keep the figures of each day.

Whom a name belongs to, what a contractor's messages were, what ended and how: each index says which page asks. Ended
messages are few and written once, so their indexes cost sending nothing; only short values are kept of tables of
others, so that a long one does not make another program's INSERT fail.

The figures of a day cannot be counted while somebody waits for a page (a million trust scores take a second), and those
of past days cannot be found out later. They are counted beside, and kept.
"""

from ige_pipeline.postgres.schema_change import create_index, execute

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

ENDED = "dead_at IS NOT NULL OR cancelled_at IS NOT NULL OR expired_at IS NOT NULL"

INDEXES = {
    # Messages, by how they ended, the newest first.
    "ige_cancelled_messages": "ai_proactive_messages (id) WHERE cancelled_at IS NOT NULL",
    "ige_expired_messages": "ai_proactive_messages (id) WHERE expired_at IS NOT NULL",
    # A contractor's messages: those sent and those waiting have indexes already (0004, 0007).
    "ige_ended_by_contractor": f"ai_proactive_messages (contractor_id, id) WHERE {ENDED}",
    # What was sent on a day, and what came of it.
    "ige_sent_by_time": "ai_proactive_messages (sent_at) WHERE sent_at IS NOT NULL",
    # Contractors by the beginning of a name.
    "ige_contractors_by_name": (
        "contractors (lower(left(COALESCE(first_name, '') || ' ' || COALESCE(last_name, ''), 80)) text_pattern_ops)"
    ),
    "ige_contractors_by_last_name": "contractors (lower(left(last_name, 80)) text_pattern_ops)",
    "ige_contractors_by_company": "contractors (lower(left(company_name, 80)) text_pattern_ops)",
    # A contractor's goals, and what was done for them by hand.
    "ige_goals_by_contractor": "ai_concierge_goals (contractor_id, id)",
    "ige_audit_by_contractor": "ige_audit ((detail ->> 'contractor_id'), id) WHERE detail ? 'contractor_id'",
}

FIGURES = """
CREATE TABLE IF NOT EXISTS ige_figures (
    day          date PRIMARY KEY,
    trust        double precision,
    active_goals bigint,
    sent         bigint NOT NULL DEFAULT 0,
    answered     bigint NOT NULL DEFAULT 0,
    acted        bigint NOT NULL DEFAULT 0,
    counted_at   timestamptz NOT NULL DEFAULT now()
)"""

TRIGGER_FIGURES = """
CREATE TABLE IF NOT EXISTS ige_trigger_figures (
    day          date NOT NULL,
    trigger_name text NOT NULL,
    selected     bigint NOT NULL DEFAULT 0,
    scheduled    bigint NOT NULL DEFAULT 0,
    sent         bigint NOT NULL DEFAULT 0,
    answered     bigint NOT NULL DEFAULT 0,
    acted        bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (day, trigger_name)
)"""


def upgrade() -> None:
    for name, definition in INDEXES.items():
        create_index(name, definition)
    execute(FIGURES)
    execute(TRIGGER_FIGURES)
