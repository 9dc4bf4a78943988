"""Make `ai_proactive_messages` an outbox: leases, attempts, endings, and the constraints that keep them true.

Every column is nullable or has a constant default, so that rows which the old application inserts are whole. The
idempotency key's default is volatile and therefore set after the column exists: otherwise the table would be rewritten.
"""

from ige_pipeline.postgres.schema_change import add_check, add_columns, execute

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

MESSAGES = "ai_proactive_messages"

COLUMNS = {
    "idempotency_key": "uuid",
    "trigger_name": "text",
    "subject_table": "text",
    "subject_id": "bigint",
    "occurrence": "text",
    "dedupe_key": "text",
    "source_message_type": "text",
    "decision_id": "bigint",
    "priority": "smallint NOT NULL DEFAULT 50",
    "not_before": "timestamptz",
    "expires_at": "timestamptz",
    "attempts": "smallint NOT NULL DEFAULT 0",
    "next_attempt_at": "timestamptz",
    "lease_owner": "bigint",
    "lease_token": "uuid",
    "lease_expires_at": "timestamptz",
    "last_error": "text",
    "dead_at": "timestamptz",
    "dead_reason": "text",
    "cancelled_at": "timestamptz",
    "cancel_reason": "text",
    "expired_at": "timestamptz",
}

CHECKS = {
    "lease_is_whole": "num_nulls(lease_owner, lease_token, lease_expires_at) IN (0, 3)",
    "message_ends_once": "num_nonnulls(dead_at, cancelled_at, expired_at) <= 1",
    "ended_holds_no_lease": "lease_token IS NULL OR num_nonnulls(dead_at, cancelled_at, expired_at) = 0",
    "dead_says_why": "(dead_at IS NULL) = (dead_reason IS NULL)",
    "cancelled_says_why": "(cancelled_at IS NULL) = (cancel_reason IS NULL)",
    "attempts_count_up_from_none": "attempts >= 0",
    "subject_is_whole": "(subject_table IS NULL) = (subject_id IS NULL)",
    "dedupe_key_names_its_trigger": "dedupe_key IS NULL OR trigger_name IS NOT NULL",
}


def upgrade() -> None:
    add_columns(MESSAGES, COLUMNS)
    execute(f"ALTER TABLE {MESSAGES} ALTER COLUMN idempotency_key SET DEFAULT gen_random_uuid()")
    for name, condition in CHECKS.items():
        add_check(MESSAGES, name, condition)
    add_columns("contractors", {"timezone": "text"})
    execute("CREATE SEQUENCE IF NOT EXISTS ige_lease_owner MAXVALUE 2147483647 CYCLE")
