-- name: hours
-- What was sent and what failed for good in each of the last 24 hours, and what safeguards blocked: in the batches of
-- that hour, and at the moment of sending.
WITH hours AS (
    SELECT generate_series(date_trunc('hour', now(), 'UTC') - interval '23 hours', date_trunc('hour', now(), 'UTC'),
                           interval '1 hour') AS hour
), ended AS (
    SELECT date_trunc('hour', a.ended_at, 'UTC') AS hour,
           count(*) FILTER (WHERE a.outcome = 'Delivered') AS sent,
           count(*) FILTER (WHERE a.outcome = 'Dead') AS failed,
           count(*) FILTER (WHERE a.outcome = 'Cancelled') AS stopped
      FROM ige_delivery_attempts a
     WHERE a.ended_at >= date_trunc('hour', now(), 'UTC') - interval '23 hours'
     GROUP BY 1
), decided AS (
    SELECT date_trunc('hour', b.opened_at, 'UTC') AS hour,
           sum(COALESCE((b.counts ->> 'blocked')::bigint, 0))::bigint AS blocked
      FROM ige_batches b
     WHERE b.opened_at >= date_trunc('hour', now(), 'UTC') - interval '23 hours'
       AND NOT b.dry_run
     GROUP BY 1
)
SELECT h.hour, COALESCE(e.sent, 0) AS sent, COALESCE(d.blocked, 0) + COALESCE(e.stopped, 0) AS blocked, COALESCE(e.failed, 0) AS failed
  FROM hours h
  LEFT JOIN ended e ON e.hour = h.hour
  LEFT JOIN decided d ON d.hour = h.hour
 ORDER BY h.hour

-- name: oldest_due
-- Since when the message has been due that has waited longest, of those that could go now.
SELECT min(GREATEST(m.created_at::timestamptz, m.not_before, m.next_attempt_at)) AS oldest_due
  FROM ai_proactive_messages m
 WHERE m.sent_at IS NULL AND m.dead_at IS NULL AND m.cancelled_at IS NULL AND m.expired_at IS NULL
   AND m.lease_token IS NULL
   AND (%(adopted)s OR m.trigger_name IS NOT NULL)
   AND (m.not_before IS NULL OR m.not_before <= now())
   AND (m.next_attempt_at IS NULL OR m.next_attempt_at <= now())

-- name: spend
-- What the model has cost today and on the days before, each a UTC day.
SELECT COALESCE(sum(taken_usd) FILTER (WHERE day = (now() AT TIME ZONE 'UTC')::date), 0)::float8 AS today,
       COALESCE(sum(taken_usd), 0)::float8 AS week
  FROM ige_model_spend
 WHERE day > (now() AT TIME ZONE 'UTC')::date - 7

-- name: attention
-- What waits for a person: dead letters of the last day, batches that were held, and when a batch last ended.
SELECT (SELECT count(*) FROM ai_proactive_messages WHERE dead_at > now() - interval '24 hours') AS dead,
       (SELECT count(*)
          FROM ige_batches b
         WHERE b.opened_at > now() - interval '48 hours'
           AND NOT b.dry_run AND b.approved_at IS NULL
           AND COALESCE((b.counts ->> 'held')::bigint, 0) > 0
           AND EXISTS (SELECT 1
                         FROM ige_decisions d
                        WHERE d.batch_id = b.id
                          AND d.decided_on = (b.opened_at AT TIME ZONE 'UTC')::date
                          AND d.verdict = 'held'
                          AND d.reasons @> '[{"reason": "blast_radius"}]')) AS held,
       (SELECT max(closed_at) FROM ige_batches WHERE NOT dry_run) AS last_batch

-- name: activity
-- What happened last: attempts, batches, and what people did by hand. Texts and numbers are not in it.
SELECT * FROM (
    (SELECT a.ended_at AS at, 'attempt' AS kind, a.outcome AS what, a.message_id, m.contractor_id,
            NULLIF(concat_ws(' ', c.first_name, c.last_name), '') AS name, COALESCE(m.trigger_name, 'external') AS about,
            NULL::jsonb AS detail
       FROM (SELECT * FROM ige_delivery_attempts ORDER BY id DESC LIMIT 25) a
       LEFT JOIN ai_proactive_messages m ON m.id = a.message_id
       LEFT JOIN contractors c ON c.id = m.contractor_id)
    UNION ALL
    (SELECT COALESCE(b.closed_at, b.opened_at), 'batch', CASE WHEN b.closed_at IS NULL THEN 'at work' ELSE 'closed' END,
            b.id, NULL, NULL, CASE WHEN b.dry_run THEN 'preview' ELSE 'batch' END, b.counts
       FROM ige_batches b
      ORDER BY b.id DESC
      LIMIT 10)
    UNION ALL
    (SELECT i.received_at, 'came', i.meaning, i.id, i.contractor_id, NULLIF(concat_ws(' ', c.first_name, c.last_name), ''),
            NULL, NULL
       FROM (SELECT * FROM ige_inbound_messages ORDER BY id DESC LIMIT 15) i
       LEFT JOIN contractors c ON c.id = i.contractor_id)
    UNION ALL
    (SELECT u.at, 'by hand', u.action, NULL, NULL, u.who, NULL, NULL
       FROM ige_audit u
      ORDER BY u.id DESC
      LIMIT 15)
) happened
 ORDER BY at DESC
 LIMIT 25
