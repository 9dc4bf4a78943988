"""Create the tables that the application owns, only where they are missing.

On a production database this finds them all and changes nothing but to add a column that one of them lacks. Their
timestamps are without zone, as the application wrote them.
"""

from ige_pipeline.postgres.schema_change import create_table

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

WRITTEN = {"created_at": "timestamp DEFAULT NOW()", "updated_at": "timestamp DEFAULT NOW()"}

TABLES = {
    "contractors": {
        "id": "serial PRIMARY KEY",
        "first_name": "text",
        "last_name": "text",
        "email": "text",
        "phone": "text",
        "company_name": "text",
        "ai_proactive_paused": "boolean DEFAULT false",
        "ai_pause_reason": "text",
        "ai_pause_until": "timestamp",
        "updated_at": "timestamp DEFAULT NOW()",
    },
    "ai_concierge_goals": {
        "id": "serial PRIMARY KEY",
        "contractor_id": "integer",
        "goal_type": "text",
        "goal_description": "text",
        "target_milestone": "text",
        "priority_score": "integer DEFAULT 5 CHECK (priority_score BETWEEN 1 AND 10)",
        "current_progress": "integer DEFAULT 0 CHECK (current_progress BETWEEN 0 AND 100)",
        "next_milestone": "text",
        "success_criteria": "jsonb",
        "pattern_source": "text",
        "pattern_confidence": "numeric(4,3)",
        "data_gaps": "jsonb",
        "status": "text DEFAULT 'active' CHECK (status IN ('active', 'completed', 'abandoned', 'blocked'))",
        "trigger_condition": "text",
        "last_action_at": "timestamp",
        **WRITTEN,
        "completed_at": "timestamp",
    },
    "ai_concierge_checklist_items": {
        "id": "serial PRIMARY KEY",
        "goal_id": "integer",
        "contractor_id": "integer",
        "checklist_item": "text",
        "item_type": "text",
        "status": "text DEFAULT 'pending' CHECK (status IN ('pending', 'in_progress', 'completed', 'skipped'))",
        "trigger_condition": "text",
        "executed_at": "timestamp",
        "execution_context": "jsonb",
        "completed_at": "timestamp",
        "completion_notes": "text",
        **WRITTEN,
    },
    "ai_trust_indicators": {
        "id": "serial PRIMARY KEY",
        "contractor_id": "integer",
        "indicator_type": "text",
        "indicator_description": "text",
        "context_data": "jsonb",
        "confidence_impact": "integer CHECK (confidence_impact BETWEEN -10 AND 10)",
        "cumulative_trust_score": "integer CHECK (cumulative_trust_score BETWEEN 0 AND 100)",
        "recorded_at": "timestamp DEFAULT NOW()",
        **WRITTEN,
    },
    "contractor_action_items": {
        "id": "serial PRIMARY KEY",
        "contractor_id": "integer",
        "title": "text",
        "description": "text",
        "status": "text DEFAULT 'pending'",
        "due_date": "timestamp",
        "completed_at": "timestamp",
        **WRITTEN,
    },
    "contractor_followup_schedules": {
        "id": "serial PRIMARY KEY",
        "contractor_id": "integer",
        "action_item_id": "integer",
        "event_id": "integer",
        "scheduled_time": "timestamp",
        "followup_type": "text",
        "message_template": "text",
        "message_tone": "text",
        "status": "text DEFAULT 'scheduled'",
        "sent_at": "timestamp",
        "sent_by": "text",
        "response_received_at": "timestamp",
        "response_text": "text",
        "ai_should_personalize": "boolean DEFAULT true",
        "ai_context_hints": "jsonb",
        "skip_if_completed": "boolean DEFAULT true",
        "is_recurring": "boolean DEFAULT false",
        "recurrence_interval_days": "integer",
        "next_occurrence_id": "integer",
        **WRITTEN,
    },
    "events": {
        "id": "serial PRIMARY KEY",
        "name": "text",
        "date": "timestamp",
        "location": "text",
    },
    "event_messages": {
        "id": "serial PRIMARY KEY",
        "event_id": "integer",
        "contractor_id": "integer",
        "message_type": "text",
        "message_category": "text",
        "scheduled_time": "timestamp",
        "actual_send_time": "timestamp",
        "message_content": "text",
        "personalization_data": "jsonb",
        "response_received": "text",
        "response_time": "timestamp",
        "status": "text DEFAULT 'scheduled'",
        "error_message": "text",
        "channel": "text DEFAULT 'sms'",
        "phone": "text",
        "direction": "text DEFAULT 'outbound'",
        **WRITTEN,
    },
    "ai_proactive_messages": {
        "id": "serial PRIMARY KEY",
        "contractor_id": "integer",
        "message_type": (
            "text CHECK (message_type IN ('check_in', 'milestone_follow_up', 'resource_suggestion', 'encouragement',"
            " 'course_correction', 'celebration'))"
        ),
        "message_content": "text",
        "ai_reasoning": "text",
        "context_data": "jsonb",
        "sent_at": "timestamp",
        "contractor_response": "text",
        "response_received_at": "timestamp",
        "conversation_continued": "boolean DEFAULT false",
        "outcome_rating": "integer CHECK (outcome_rating BETWEEN 1 AND 5)",
        "led_to_action": "boolean DEFAULT false",
        **WRITTEN,
    },
}


def upgrade() -> None:
    for table, columns in TABLES.items():
        create_table(table, columns)
