"""Index what the hourly batch and the delivery run read. All are built CONCURRENTLY; each says what it is for."""

from ige_pipeline.postgres.schema_change import create_index

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

LIVE = "sent_at IS NULL AND dead_at IS NULL AND cancelled_at IS NULL AND expired_at IS NULL"
UNSPENT = "dead_at IS NULL AND cancelled_at IS NULL AND expired_at IS NULL"

INDEXES = {
    # The outbox itself: claiming reads only what is still to send, however many sent rows lie behind it.
    "ige_outbox": f"ai_proactive_messages (priority DESC, created_at, id) WHERE {LIVE}",
    # Is anything still to be sent to this contractor?
    "ige_outbox_by_contractor": f"ai_proactive_messages (contractor_id) WHERE {LIVE}",
    # The gap and the ignored ones: a contractor's newest sent messages.
    "ige_sent_by_contractor": "ai_proactive_messages (contractor_id, sent_at DESC) WHERE sent_at IS NOT NULL",
    # The last message about a goal or an item: ours by column, the old system's by what it kept in context_data.
    "ige_messages_by_subject": (
        "ai_proactive_messages (subject_table, subject_id, id DESC) WHERE subject_id IS NOT NULL"
    ),
    "ige_old_messages_by_goal": (
        "ai_proactive_messages ((context_data ->> 'goal_id'), id DESC) WHERE subject_id IS NULL"
    ),
    "ige_old_messages_by_item": (
        "ai_proactive_messages ((context_data ->> 'item_id'), id DESC) WHERE subject_id IS NULL"
    ),
    # The latest trust score, without a visit to the table.
    "ige_trust_latest": (
        "ai_trust_indicators (contractor_id, recorded_at DESC, id DESC) INCLUDE (cumulative_trust_score)"
    ),
    # The goal triggers read active goals and their open items only.
    "ige_active_goals": "ai_concierge_goals (priority_score, contractor_id) WHERE status = 'active'",
    "ige_open_items": "ai_concierge_checklist_items (goal_id, id) WHERE status = 'pending'",
    "ige_completed_items": "ai_concierge_checklist_items (completed_at) WHERE status = 'completed'",
    # Promises whose time has come; a sensor asks every half minute.
    "ige_due_follow_ups": "contractor_followup_schedules (scheduled_time) WHERE status = 'scheduled'",
    "ige_due_event_messages": "event_messages (scheduled_time) WHERE status = 'scheduled'",
    # Overdue and approaching action items.
    "ige_open_action_items": "contractor_action_items (contractor_id, due_date) WHERE completed_at IS NULL",
    # Ours.
    "ige_attempts_by_message": "ige_delivery_attempts (message_id, id)",
}

UNIQUE = {
    # One occurrence of a subject is written about once; a message that never arrived gives the key back.
    "ige_one_message_for_each_occurrence": f"ai_proactive_messages (dedupe_key) WHERE {UNSPENT}",
    # Nobody gets two messages at the same moment, however many delivery runs overlap.
    "ige_one_lease_for_each_contractor": "ai_proactive_messages (contractor_id) WHERE lease_token IS NOT NULL",
}


def upgrade() -> None:
    for name, definition in INDEXES.items():
        create_index(name, definition)
    for name, definition in UNIQUE.items():
        create_index(name, definition, unique=True)
