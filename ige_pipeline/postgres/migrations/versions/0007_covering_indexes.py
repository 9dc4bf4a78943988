"""Let the hourly batch read what it needs of 100,000 contractors' messages from indexes alone.

Measured at 200,000 contractors: one of our own messages about a subject was found in 5 µs by an index that led to the
table, and in 2 µs by one that holds the answer; what was sent to a contractor lately, and what of it was answered, took
five times as long as the latest trust score each, and takes about three times as long. Two indexes take the place of
narrower ones of ours (0004); the other two are written when a message is sent and when it is answered. Only short
values are included: a long one must not make another program's INSERT fail (a CHECK leaves `message_type` six words).
"""

from ige_pipeline.postgres.schema_change import create_index, execute

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

UNSPENT = "subject_id IS NOT NULL AND dead_at IS NULL AND cancelled_at IS NULL AND expired_at IS NULL"
PROACTIVE = "sent_at IS NOT NULL AND source_message_type IS NULL"
UNANSWERED = f"{PROACTIVE} AND contractor_response IS NULL AND response_received_at IS NULL"

INDEXES = {
    # When was this subject last written about, and does anything about it still wait?
    "ige_last_message_by_subject": (
        f"ai_proactive_messages (subject_table, subject_id, id) INCLUDE (sent_at) WHERE {UNSPENT}"
    ),
    # What was sent to this contractor within the month? The gap and the caps need no more than when and what kind.
    "ige_newest_sent_by_contractor": (
        "ai_proactive_messages (contractor_id, sent_at DESC) INCLUDE (id, message_type) WHERE sent_at IS NOT NULL"
    ),
    # Which were the last few that we sent of our own accord, and how many of them were never answered?
    "ige_newest_proactive_by_contractor": f"ai_proactive_messages (contractor_id, sent_at DESC) WHERE {PROACTIVE}",
    "ige_unanswered_by_contractor": f"ai_proactive_messages (contractor_id, sent_at DESC) WHERE {UNANSWERED}",
}
REPLACED = ("ige_messages_by_subject", "ige_sent_by_contractor")


def upgrade() -> None:
    for name, definition in INDEXES.items():
        create_index(name, definition)
    for name in REPLACED:
        execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
