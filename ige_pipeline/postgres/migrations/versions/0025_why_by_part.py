"""Let one contractor's or one message's story be found by index, however many decisions there are.

The view ige_why joins what our batches decided, what others put into the outbox, and what is still undecided. Their ids
have different widths, and a condition on such a column is not passed on into the parts of a union: to explain one
message among a million took over ten seconds. Each part is a view of its own now, which is asked by itself; ige_why
stays as it was.
"""

from ige_pipeline.postgres.schema_change import execute

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

STATE = """CASE WHEN m.id IS NULL THEN NULL
            WHEN m.sent_at IS NOT NULL THEN 'sent'
            WHEN m.dead_at IS NOT NULL THEN 'dead'
            WHEN m.cancelled_at IS NOT NULL THEN 'cancelled'
            WHEN m.expired_at IS NOT NULL THEN 'expired'
            WHEN m.lease_token IS NOT NULL THEN 'being sent'
            ELSE 'waiting' END"""

TRIED = """LEFT JOIN LATERAL (SELECT COALESCE(jsonb_agg(jsonb_build_object(
                                'attempt', a.attempt, 'outcome', a.outcome, 'at', COALESCE(a.posted_at, a.ended_at),
                                'status_code', a.status_code, 'error_class', a.error_class, 'reasons', a.reasons,
                                'duration_ms', a.duration_ms, 'repeats', a.repeats,
                                'next_attempt_at', a.next_attempt_at, 'posted_at', a.posted_at,
                                'response', a.response, 'run_id', a.run_id) ORDER BY a.id), '[]') AS attempts
                       FROM ige_delivery_attempts a
                      WHERE a.message_id = m.id) tried ON true"""

DECIDED = """
CREATE OR REPLACE VIEW ige_why_decided AS
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
  {tried}"""

OTHERS = """
CREATE OR REPLACE VIEW ige_why_others AS
SELECT m.contractor_id,
       NULL::bigint AS decision_id,
       NULL::bigint AS batch_id,
       NULL::timestamptz AS as_of,
       date_trunc('hour', m.created_at::timestamptz, 'UTC') AS batch_hour,
       m.created_at::timestamptz AS evaluated_at,
       'external'::text AS trigger_name,
       m.message_type,
       NULL::text AS subject_table,
       NULL::bigint AS subject_id,
       'Another program put this message into the outbox.'::text AS why_due,
       COALESCE(m.context_data, '{}') AS facts,
       NULL::jsonb AS recipient_facts,
       'scheduled'::text AS verdict,
       '[]'::jsonb AS reasons,
       m.not_before,
       NULL::timestamptz AS retry_at,
       NULL::text AS draft,
       'external'::text AS draft_source,
       NULL::text AS fallback_reason,
       NULL::jsonb AS generation,
       false AS dry_run,
       m.id AS message_id,
       {state} AS state,
       m.sent_at::timestamptz AS sent_at,
       COALESCE(m.dead_reason, m.cancel_reason, m.last_error) AS state_reason,
       m.next_attempt_at,
       m.response_received_at::timestamptz AS response_received_at,
       tried.attempts,
       m.contractor_response,
       m.message_content,
       m.ai_reasoning,
       false AS promised,
       m.source_message_type,
       NULL::text AS occurrence,
       NULL::timestamptz AS due_at,
       COALESCE(m.dead_at, m.cancelled_at, m.expired_at) AS ended_at,
       m.expires_at,
       NULL::text AS root_run_id,
       NULL::text AS approved_by
  FROM ai_proactive_messages m
  {tried}
 WHERE m.decision_id IS NULL"""

UNDECIDED = """
CREATE OR REPLACE VIEW ige_why_undecided AS
SELECT c.contractor_id,
       c.id AS decision_id,
       c.batch_id,
       b.as_of,
       COALESCE(b.batch_hour, date_trunc('hour', c.created_at, 'UTC')) AS batch_hour,
       c.created_at AS evaluated_at,
       c.trigger_name,
       c.message_type,
       c.subject_table,
       c.subject_id,
       c.reason AS why_due,
       c.facts,
       NULL::jsonb AS recipient_facts,
       'undecided'::text AS verdict,
       '[]'::jsonb AS reasons,
       NULL::timestamptz AS not_before,
       NULL::timestamptz AS retry_at,
       NULL::text AS draft,
       NULL::text AS draft_source,
       NULL::text AS fallback_reason,
       NULL::jsonb AS generation,
       c.dry_run,
       NULL::bigint AS message_id,
       NULL::text AS state,
       NULL::timestamptz AS sent_at,
       NULL::text AS state_reason,
       NULL::timestamptz AS next_attempt_at,
       NULL::timestamptz AS response_received_at,
       '[]'::jsonb AS attempts,
       NULL::text AS contractor_response,
       NULL::text AS message_content,
       NULL::text AS ai_reasoning,
       false AS promised,
       NULL::text AS source_message_type,
       c.occurrence,
       NULL::timestamptz AS due_at,
       NULL::timestamptz AS ended_at,
       NULL::timestamptz AS expires_at,
       b.root_run_id,
       b.approved_by
  FROM ige_candidates c
  LEFT JOIN ige_batches b ON b.id = c.batch_id
 WHERE NOT EXISTS (SELECT 1
                     FROM ige_decisions d
                    WHERE d.batch_id = c.batch_id
                      AND d.dedupe_key = c.dedupe_key
                      AND d.decided_on = c.decided_on)"""


def upgrade() -> None:
    for view in (DECIDED, OTHERS, UNDECIDED):
        execute(view.replace("{state}", STATE).replace("{tried}", TRIED))
