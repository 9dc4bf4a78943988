"""Create the view that answers "why was this sent, or why not?" for any contractor and hour in one query."""

from ige_pipeline.postgres.schema_change import execute

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

WHY = """
CREATE OR REPLACE VIEW ige_why AS
SELECT d.contractor_id,
       d.id AS decision_id,
       d.batch_id,
       b.as_of,
       COALESCE(b.batch_hour, date_trunc('hour', d.created_at, 'UTC')) AS batch_hour,
       d.created_at AS evaluated_at,
       d.trigger_name,
       d.message_type,
       d.subject_table,
       d.subject_id,
       d.reason AS why_due,
       d.facts,
       d.recipient_facts,
       COALESCE(d.verdict, 'undecided') AS verdict,
       d.reasons,
       d.not_before,
       d.retry_at,
       d.draft,
       d.draft_source,
       d.fallback_reason,
       d.generation,
       d.dry_run,
       d.message_id,
       CASE WHEN m.id IS NULL THEN NULL
            WHEN m.sent_at IS NOT NULL THEN 'sent'
            WHEN m.dead_at IS NOT NULL THEN 'dead'
            WHEN m.cancelled_at IS NOT NULL THEN 'cancelled'
            WHEN m.expired_at IS NOT NULL THEN 'expired'
            WHEN m.lease_token IS NOT NULL THEN 'being sent'
            ELSE 'waiting' END AS state,
       m.sent_at::timestamptz AS sent_at,
       COALESCE(m.dead_reason, m.cancel_reason, m.last_error) AS state_reason,
       m.next_attempt_at,
       m.response_received_at::timestamptz AS response_received_at,
       tried.attempts
  FROM ige_decisions d
  LEFT JOIN ige_batches b ON b.id = d.batch_id
  LEFT JOIN ai_proactive_messages m ON m.id = d.message_id
  LEFT JOIN LATERAL (SELECT COALESCE(jsonb_agg(jsonb_build_object(
                                'attempt', a.attempt, 'outcome', a.outcome, 'at', COALESCE(a.posted_at, a.ended_at),
                                'status_code', a.status_code, 'error_class', a.error_class, 'reasons', a.reasons,
                                'duration_ms', a.duration_ms, 'repeats', a.repeats,
                                'next_attempt_at', a.next_attempt_at) ORDER BY a.id), '[]') AS attempts
                       FROM ige_delivery_attempts a
                      WHERE a.message_id = d.message_id) tried ON true"""


def upgrade() -> None:
    execute(WHY)
