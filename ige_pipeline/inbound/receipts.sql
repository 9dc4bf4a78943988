-- name: take
-- What a provider said, once; what it repeats finds the first.
INSERT INTO ige_receipts (provider_id, status, code, proof, phone_e164)
VALUES (%(provider_id)s, %(status)s, %(code)s, %(proof)s, %(phone_e164)s)
    ON CONFLICT (provider_id, status, code) DO NOTHING
RETURNING id

-- name: hold
-- One receipt of a message after the other.
SELECT pg_advisory_xact_lock(hashtextextended(%(provider_id)s, 368))

-- name: message_named
-- The message that a receipt names, if its key is the one that it was posted under.
SELECT m.id
  FROM ai_proactive_messages m
 WHERE m.id = %(message_id)s
   AND (%(key)s = '' OR m.idempotency_key::text = lower(%(key)s)
        OR EXISTS (SELECT 1 FROM ige_receipts r WHERE r.provider_id = %(provider_id)s AND r.message_id = m.id))

-- name: message_known
-- The message that an earlier receipt of the same text named.
SELECT r.message_id AS id
  FROM ige_receipts r
 WHERE r.provider_id = %(provider_id)s
   AND r.message_id IS NOT NULL
 ORDER BY r.id
 LIMIT 1

-- name: message_answered
-- The message to this number whose POST was answered with the provider's id.
SELECT m.id
  FROM ige_phones p
  JOIN contractors c ON c.phone = p.raw AND length(c.phone) <= 64
 CROSS JOIN LATERAL (SELECT s.id
                       FROM ai_proactive_messages s
                      WHERE s.contractor_id = c.id
                        AND s.sent_at > NOW() - interval '72 hours') m
  JOIN ige_delivery_attempts a ON a.message_id = m.id
 WHERE p.e164 = %(phone_e164)s
   AND length(%(provider_id)s) >= 8
   AND strpos(a.response, %(provider_id)s) > 0
 ORDER BY m.id DESC
 LIMIT 1

-- name: link
-- Now it is known which message these are about.
UPDATE ige_receipts SET message_id = %(message_id)s WHERE provider_id = %(provider_id)s AND message_id IS NULL

-- name: tell_message
-- Forwards only: queued, sent, undelivered or failed, delivered. Of two ways to fail the first stays. Of an earlier text,
-- which was followed by another, only that it arrived after all is news.
UPDATE ai_proactive_messages m
   SET provider_id = %(provider_id)s, receipt_status = %(status)s, receipt_code = NULLIF(%(code)s, ''), receipt_at = now()
 WHERE m.id = %(message_id)s
   AND (%(status)s = 'delivered' OR %(provider_id)s <> ALL (COALESCE(m.earlier_provider_ids, '{}')))
   AND (m.receipt_status IS NULL
        OR (CASE m.receipt_status WHEN 'queued' THEN 1 WHEN 'sent' THEN 2 WHEN 'delivered' THEN 4 ELSE 3 END) < %(rank)s)

-- name: number_of_message
-- Where it went: the number that it was written for, or where nobody kept that, theirs.
SELECT CASE WHEN m.written_for LIKE '+%%' THEN m.written_for ELSE p.e164 END AS e164
  FROM ai_proactive_messages m
  LEFT JOIN contractors c ON c.id = m.contractor_id AND length(c.phone) <= 64
  LEFT JOIN ige_phones p ON p.raw = c.phone AND p.region = %(region)s
 WHERE m.id = %(message_id)s

-- name: send_again
-- The phone could not be reached: once more in an hour, and then in four, as a text of its own. Every safeguard is asked
-- again, and what is too old expires.
WITH again AS (
    UPDATE ai_proactive_messages m
       SET sent_at = NULL, sent_by_us = false, idempotency_key = gen_random_uuid(), provider_id = NULL,
           earlier_sent_at = m.sent_at,
           earlier_provider_ids = COALESCE(m.earlier_provider_ids, '{}') || m.provider_id,
           receipt_status = NULL, receipt_code = NULL, receipt_at = NULL, last_error = 'unreachable',
           resent = COALESCE(m.resent, 0) + 1,
           next_attempt_at = now() + CASE WHEN COALESCE(m.resent, 0) = 0 THEN interval '1 hour' ELSE interval '4 hours' END
     WHERE m.id = %(message_id)s
       AND m.sent_at IS NOT NULL
       AND m.provider_id = %(provider_id)s
       AND COALESCE(m.resent, 0) < 2
       AND m.confirms_opt_out IS NULL
       AND m.contractor_response IS NULL
       AND m.response_received_at IS NULL
    RETURNING m.id, m.attempts
)
INSERT INTO ige_delivery_attempts (message_id, run_id, attempt, lease_token, claimed_at, outcome, reasons)
SELECT a.id, %(who)s, a.attempts, gen_random_uuid(), now(), 'Redriven',
       jsonb_build_array(jsonb_build_object('reason', 'unreachable', 'observed', %(code)s::text, 'limit', NULL))
  FROM again a

-- name: left_since_start
-- Whether the message left after all sending was last stopped or started: an older one says nothing new.
SELECT COALESCE((SELECT m.sent_at::timestamptz FROM ai_proactive_messages m WHERE m.id = %(message_id)s), now())
       >= COALESCE((SELECT s.changed_at FROM ige_switches s WHERE s.name = 'stop'), '-infinity') AS new,
       COALESCE((SELECT (s.value ->> 'on')::boolean FROM ige_switches s WHERE s.name = 'stop'), false) AS stopped

-- name: done
-- What a receipt led to.
UPDATE ige_receipts SET done = %(done)s, looked_at = now() WHERE id = %(id)s

-- name: unsettled
-- Receipts that came before their message was known, or before it was written down as sent: those first that have waited
-- longest for a look, so that what is nobody's keeps nothing from being found.
SELECT r.id, r.provider_id, r.status, r.code, r.phone_e164, r.message_id
  FROM ige_receipts r
 WHERE r.done = ''
   AND r.received_at > now() - interval '3 days'
 ORDER BY COALESCE(r.looked_at, r.received_at), r.id
 LIMIT 1000
