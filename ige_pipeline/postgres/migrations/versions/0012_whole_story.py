"""Let the view ige_why tell the whole story of a message: what came back, what was answered, and what others sent.

Messages that another program put into the outbox and that no delivery run took have no decision; they are told as well,
found by an index that holds only them.
"""

from ige_pipeline.postgres.schema_change import create_index, execute

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

STATE = """CASE WHEN m.id IS NULL THEN NULL
            WHEN m.sent_at IS NOT NULL THEN 'sent'
            WHEN m.dead_at IS NOT NULL THEN 'dead'
            WHEN m.cancelled_at IS NOT NULL THEN 'cancelled'
            WHEN m.expired_at IS NOT NULL THEN 'expired'
            WHEN m.lease_token IS NOT NULL THEN 'being sent'
            ELSE 'waiting' END"""

# The first 2 kB of each response are kept with its attempt.
TRIED = """LEFT JOIN LATERAL (SELECT COALESCE(jsonb_agg(jsonb_build_object(
                                'attempt', a.attempt, 'outcome', a.outcome, 'at', COALESCE(a.posted_at, a.ended_at),
                                'status_code', a.status_code, 'error_class', a.error_class, 'reasons', a.reasons,
                                'duration_ms', a.duration_ms, 'repeats', a.repeats,
                                'next_attempt_at', a.next_attempt_at, 'posted_at', a.posted_at,
                                'response', a.response, 'run_id', a.run_id) ORDER BY a.id), '[]') AS attempts
                       FROM ige_delivery_attempts a
                      WHERE a.message_id = m.id) tried ON true"""

# A view keeps its columns; new ones come at the end.
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
       {state} AS state,
       m.sent_at::timestamptz AS sent_at,
       COALESCE(m.dead_reason, m.cancel_reason, m.last_error) AS state_reason,
       m.next_attempt_at,
       m.response_received_at::timestamptz AS response_received_at,
       tried.attempts,
       m.contractor_response,
       m.message_content,
       d.ai_reasoning,
       d.promised,
       d.source_message_type,
       d.occurrence,
       d.due_at,
       COALESCE(m.dead_at, m.cancelled_at, m.expired_at) AS ended_at,
       m.expires_at,
       b.root_run_id,
       b.approved_by
  FROM ige_decisions d
  LEFT JOIN ige_batches b ON b.id = d.batch_id
  LEFT JOIN ai_proactive_messages m ON m.id = d.message_id
  {tried}
UNION ALL
SELECT m.contractor_id,
       NULL,
       NULL,
       NULL,
       date_trunc('hour', m.created_at::timestamptz, 'UTC'),
       m.created_at::timestamptz,
       'external',
       m.message_type,
       NULL,
       NULL,
       'Another program put this message into the outbox.',
       COALESCE(m.context_data, '{}'),
       NULL,
       'scheduled',
       '[]',
       m.not_before,
       NULL,
       NULL,
       'external',
       NULL,
       NULL,
       false,
       m.id,
       {state},
       m.sent_at::timestamptz,
       COALESCE(m.dead_reason, m.cancel_reason, m.last_error),
       m.next_attempt_at,
       m.response_received_at::timestamptz,
       tried.attempts,
       m.contractor_response,
       m.message_content,
       m.ai_reasoning,
       false,
       m.source_message_type,
       NULL,
       NULL,
       COALESCE(m.dead_at, m.cancelled_at, m.expired_at),
       m.expires_at,
       NULL,
       NULL
  FROM ai_proactive_messages m
  {tried}
 WHERE m.decision_id IS NULL"""

# Which messages of this contractor does no decision explain? None of ours, once it was claimed.
UNEXPLAINED = "ai_proactive_messages (contractor_id) WHERE decision_id IS NULL"


def upgrade() -> None:
    create_index("ige_unexplained_by_contractor", UNEXPLAINED)
    execute(WHY.replace("{state}", STATE).replace("{tried}", TRIED))
