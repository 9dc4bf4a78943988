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
               CASE WHEN m.expires_at IS NOT NULL THEN m.expires_at > now()
                    ELSE COALESCE(m.created_at > (now() - make_interval(
                             secs => %(expire_after_hours)s::float8 * 3600))::timestamp, false) END AS sendable
          FROM ai_proactive_messages m
         WHERE m.sent_at IS NULL AND m.dead_at IS NULL AND m.cancelled_at IS NULL AND m.expired_at IS NULL
           AND m.trigger_name IS NULL) AS held

-- name: promised_to_adopt
-- Follow-ups and event messages that were due before us: their triggers stay off until adoption. What we would never
-- send (e-mails, what came in) is not counted.
SELECT count(*) FILTER (WHERE kind = 'follow_up' AND fresh) AS follow_ups_to_send,
       count(*) FILTER (WHERE kind = 'follow_up' AND NOT fresh) AS follow_ups_to_expire,
       count(*) FILTER (WHERE kind = 'event' AND fresh) AS event_messages_to_send,
       count(*) FILTER (WHERE kind = 'event' AND NOT fresh) AS event_messages_to_expire
  FROM (SELECT 'follow_up' AS kind, scheduled_time > (now() - make_interval(
                   secs => %(promised_late_hours)s::float8 * 3600))::timestamp AS fresh
          FROM contractor_followup_schedules
         WHERE status = 'scheduled' AND scheduled_time <= now()
        UNION ALL
        SELECT 'event', scheduled_time > (now() - make_interval(
                   secs => %(promised_late_hours)s::float8 * 3600))::timestamp
          FROM event_messages
         WHERE status = 'scheduled' AND scheduled_time <= now()
           AND channel = 'sms' AND COALESCE(direction, 'outbound') = 'outbound') AS promised

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
