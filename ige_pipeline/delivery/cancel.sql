-- name: outlook
-- What has become of each of these messages, in one word; `waits` is the only one that can be cancelled.
SELECT m.id AS message_id, m.contractor_id, COALESCE(m.trigger_name, 'external') AS trigger_name, m.message_type,
       CASE WHEN m.sent_at IS NOT NULL THEN 'sent'
            WHEN m.dead_at IS NOT NULL THEN 'dead'
            WHEN m.cancelled_at IS NOT NULL THEN 'cancelled'
            WHEN m.expired_at IS NOT NULL THEN 'expired'
            WHEN m.lease_token IS NOT NULL THEN 'being sent'
            ELSE 'waits' END AS state
  FROM ai_proactive_messages m
 WHERE m.id = ANY (%(ids)s::bigint[])
 ORDER BY m.id

-- name: cancel
-- Only what nobody holds: a message that is being sent may have left already.
WITH gone AS (
    UPDATE ai_proactive_messages m
       SET cancelled_at = now(), cancel_reason = 'by_hand'
     WHERE m.id = %(message_id)s
       AND m.sent_at IS NULL AND m.dead_at IS NULL AND m.cancelled_at IS NULL AND m.expired_at IS NULL
       AND m.lease_token IS NULL
    RETURNING m.id, m.attempts
)
INSERT INTO ige_delivery_attempts (message_id, run_id, attempt, lease_token, claimed_at, outcome, reasons)
SELECT g.id, 'by hand', g.attempts, gen_random_uuid(), now(), 'Cancelled',
       jsonb_build_array(jsonb_build_object('reason', 'by_hand', 'observed', %(who)s::text, 'limit', %(reason)s::text))
  FROM gone g
