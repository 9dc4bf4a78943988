-- name: sent_by_others
-- Became sent, and neither by us nor, before we marked what we sent, by an attempt of ours: within the hour, or within a
-- day since we began to deliver. When that was, was noted as it happened; what was put in as sent has its own clock only.
SELECT count(*) AS messages, max(seen.at) AS last_at
  FROM (SELECT m.id, m.sent_by_others_at AS at
          FROM ai_proactive_messages m
         WHERE m.sent_by_others_at > now() - interval '24 hours'
        UNION ALL
        SELECT m.id, m.sent_at::timestamptz
          FROM ai_proactive_messages m
         WHERE m.sent_at > NOW() - interval '24 hours' AND NOT m.sent_by_us AND m.sent_by_others_at IS NULL) AS seen
 WHERE (seen.at > now() - interval '1 hour'
        OR seen.at > (SELECT min(a.ended_at) FROM ige_delivery_attempts a WHERE a.outcome = 'Delivered'))
   AND NOT EXISTS (SELECT 1 FROM ige_delivery_attempts a WHERE a.message_id = seen.id AND a.outcome = 'Delivered')

-- name: any_consent
-- One row is enough to see that somebody thought of it.
SELECT EXISTS (SELECT 1 FROM ige_consents WHERE given_at IS NOT NULL) AS given

-- name: overdue
-- What could have left an hour ago and has not even been tried since. What is held or stopped has its own finding.
SELECT count(*) AS messages
  FROM ai_proactive_messages m
 WHERE m.sent_at IS NULL AND m.dead_at IS NULL AND m.cancelled_at IS NULL AND m.expired_at IS NULL
   AND m.lease_token IS NULL
   AND COALESCE(m.next_attempt_at, m.not_before, m.created_at::timestamptz) < now() - interval '1 hour'
   AND (m.not_before IS NULL OR m.not_before < now() - interval '1 hour')
   AND (m.trigger_name IS NOT NULL
        OR (SELECT value ->> 'state' = 'done' FROM ige_switches WHERE name = 'adoption'))
   AND NOT COALESCE((SELECT (value ->> 'on')::boolean FROM ige_switches WHERE name = 'stop'), false)

-- name: died_lately
-- Somebody should look at them.
SELECT count(*) AS messages FROM ai_proactive_messages WHERE dead_at > now() - interval '24 hours'

-- name: last_fault
-- The newest attempt at which something left or could not leave, if it blamed the endpoint.
SELECT last.ended_at, last.reasons -> 0 ->> 'reason' AS reason
  FROM (SELECT a.ended_at, a.reasons, a.outcome
          FROM ige_delivery_attempts a
         WHERE a.ended_at > now() - interval '24 hours'
           AND (a.posted_at IS NOT NULL OR a.outcome = 'EndpointFault')
         ORDER BY a.id DESC
         LIMIT 1) AS last
 WHERE last.outcome = 'EndpointFault'
