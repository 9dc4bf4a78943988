-- name: set_stop
-- Checked before every POST, on all machines; survives restarts.
INSERT INTO ige_switches (name, value, reason, changed_by)
VALUES ('stop', jsonb_build_object('on', %(on)s::boolean), %(reason)s, %(who)s)
ON CONFLICT (name) DO UPDATE
   SET value = EXCLUDED.value, reason = EXCLUDED.reason, changed_by = EXCLUDED.changed_by, changed_at = now()

-- name: audit
-- Who did what by hand.
INSERT INTO ige_audit (who, action, detail) VALUES (%(who)s, %(action)s, %(detail)s)

-- name: to_adopt
-- What was there before us: stale rows would expire, the others would be sent.
SELECT count(*) FILTER (WHERE sendable) AS would_send,
       count(*) FILTER (WHERE NOT sendable) AS would_expire,
       min(created_at)::timestamptz AS oldest,
       max(created_at)::timestamptz AS newest
  FROM (SELECT m.created_at,
               COALESCE(m.expires_at, m.created_at::timestamptz
                   + make_interval(secs => %(expire_after_hours)s::float8 * 3600), '-infinity') > now() AS sendable
          FROM ai_proactive_messages m
         WHERE m.sent_at IS NULL AND m.dead_at IS NULL AND m.cancelled_at IS NULL AND m.expired_at IS NULL
           AND m.trigger_name IS NULL) AS held

-- name: promised_to_adopt
-- Follow-ups and event messages that were due before us: their triggers stay off until adoption.
SELECT (SELECT count(*) FROM contractor_followup_schedules
         WHERE status = 'scheduled' AND scheduled_time <= now()) AS follow_ups,
       (SELECT count(*) FROM event_messages
         WHERE status = 'scheduled' AND scheduled_time <= now()) AS event_messages

-- name: adopt
-- From now on what others put into the outbox is delivered like ours.
UPDATE ige_switches
   SET value = value || '{"state": "done"}', reason = 'adopted', changed_by = %(who)s, changed_at = now()
 WHERE name = 'adoption'

-- name: outcomes_today
-- What became of messages in the last 24 hours.
SELECT outcome, count(*) AS messages
  FROM ige_delivery_attempts
 WHERE ended_at > now() - interval '24 hours'
 GROUP BY outcome

-- name: batches_today
-- The newest batch, and its verdicts.
SELECT id, as_of, opened_at, closed_at, counts, dry_run
  FROM ige_batches
 ORDER BY id DESC
 LIMIT 1
