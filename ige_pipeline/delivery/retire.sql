-- name: to_retire
-- The old worker texts every row with `sent_at` NULL: what waits, and as well what we cancelled, expired or gave up.
SELECT count(*) FILTER (WHERE live AND m.trigger_name IS NOT NULL) AS ours_waiting,
       count(*) FILTER (WHERE live AND m.trigger_name IS NULL) AS others_waiting,
       count(*) FILTER (WHERE NOT live) AS ended
  FROM ai_proactive_messages m
 CROSS JOIN LATERAL (SELECT num_nonnulls(m.dead_at, m.cancelled_at, m.expired_at) = 0 AS live) AS state
 WHERE m.sent_at IS NULL

-- name: being_sent
-- What a run has in its hands; it may have left already.
SELECT count(*) AS messages
  FROM ai_proactive_messages
 WHERE lease_token IS NOT NULL AND lease_expires_at > now()

-- name: would_be_lost
-- A table of the application whose rows would go, or lose their reference, with a message that is moved.
SELECT c.conrelid::regclass::text AS table_name
  FROM pg_constraint c
 WHERE c.contype = 'f'
   AND c.confrelid = 'ai_proactive_messages'::regclass
   AND c.confdeltype IN ('c', 'n', 'd')
 LIMIT 1

-- name: set_aside
-- Whole rows, ended ones too. A lease that a dead run left behind is not kept.
WITH gone AS (
    DELETE FROM ai_proactive_messages m
     WHERE m.sent_at IS NULL
       AND (m.lease_token IS NULL OR m.lease_expires_at <= now())
    RETURNING m.*
)
INSERT INTO ige_retired_messages (message_id, message, retired_by)
SELECT gone.id, to_jsonb(gone) || '{"lease_owner": null, "lease_token": null, "lease_expires_at": null}', %(who)s
  FROM gone

-- name: left_unsent
-- Whether the old worker would find anything.
SELECT FROM ai_proactive_messages WHERE sent_at IS NULL LIMIT 1

-- name: on_the_shelf
-- What would come back, and how much of it is still young enough to be sent.
SELECT count(*) AS messages,
       count(*) FILTER (WHERE num_nonnulls(m.dead_at, m.cancelled_at, m.expired_at) = 0
                          AND COALESCE(m.expires_at, m.created_at::timestamptz
                              + make_interval(secs => %(expire_after_hours)s::float8 * 3600)) > now()) AS fresh
  FROM ige_retired_messages r
 CROSS JOIN LATERAL jsonb_populate_record(NULL::ai_proactive_messages, r.message) AS m

-- name: bring_back
-- The same rows under the same ids.
WITH back AS (
    DELETE FROM ige_retired_messages r RETURNING r.message
)
INSERT INTO ai_proactive_messages OVERRIDING SYSTEM VALUE
SELECT (jsonb_populate_record(NULL::ai_proactive_messages, back.message)).*
  FROM back

-- name: set_retired
-- Read by every batch before it schedules, and by `ige start`.
INSERT INTO ige_switches (name, value, reason, changed_by)
VALUES ('retired', jsonb_build_object('on', %(on)s::boolean), %(reason)s, %(who)s)
ON CONFLICT (name) DO UPDATE
   SET value = EXCLUDED.value, reason = EXCLUDED.reason, changed_by = EXCLUDED.changed_by, changed_at = now()

-- name: ask_to_adopt
-- What the old system leaves when we come back is shown to a person first, as on the first day.
UPDATE ige_switches
   SET value = value || '{"state": "pending"}', reason = 'retired', changed_by = %(who)s, changed_at = now()
 WHERE name = 'adoption'

-- name: take_turns
-- No batch is putting messages into the outbox while they are moved.
SELECT pg_advisory_xact_lock(hashtext('ige_schedule_messages'))
