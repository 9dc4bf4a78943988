-- name: new_owner
-- A run's name in its leases. While its connection lives it holds an advisory lock of that number.
SELECT nextval('ige_lease_owner') AS owner

-- name: hold_owner
-- Postgres lets go of this the moment the connection dies: that is how others know. Shared by the connections of one run.
SELECT pg_advisory_lock_shared(%(lock_class)s::int4, %(owner)s::int4)

-- name: expire_stale
-- A message that did not leave in time says something that is no longer so. A row whose age nobody knows is stale.
WITH stale AS (
    UPDATE ai_proactive_messages m
       SET expired_at = now(), last_error = COALESCE(m.last_error, 'stale')
     WHERE m.sent_at IS NULL AND m.dead_at IS NULL AND m.cancelled_at IS NULL AND m.expired_at IS NULL
       AND m.lease_token IS NULL
       AND (%(adopted)s OR m.trigger_name IS NOT NULL)
       AND CASE WHEN m.expires_at IS NOT NULL THEN m.expires_at <= now()
                -- Compared this way round no date overflows, whatever another program wrote.
                ELSE COALESCE(COALESCE(m.created_at, m.updated_at)
                     <= (now() - make_interval(secs => %(expire_after_hours)s::float8 * 3600))::timestamp, true) END
    RETURNING m.id, m.attempts, m.last_error
)
INSERT INTO ige_delivery_attempts (message_id, run_id, attempt, lease_token, claimed_at, outcome, reasons)
SELECT s.id, %(run_id)s, s.attempts, gen_random_uuid(), now(), 'Expired',
       jsonb_build_array(jsonb_build_object('reason', 'stale', 'observed', s.last_error, 'limit', 'expires_at'))
  FROM stale s

-- name: may_post
-- The last look before requests leave: which leases are still ours for as long as a POST takes, has nobody stopped all
-- sending, and which numbers opted out since the safeguards were asked?
SELECT now() AS now,
       COALESCE((SELECT (s.value ->> 'on')::boolean FROM ige_switches s WHERE s.name = 'stop'), false) AS stopped,
       (SELECT array_agg(m.id)
          FROM ai_proactive_messages m
         WHERE m.id = ANY (%(message_ids)s::bigint[])
           AND m.lease_token = ANY (%(tokens)s::uuid[])
           AND m.sent_at IS NULL
           AND m.lease_expires_at > now() + make_interval(secs => %(outlasts_seconds)s::float8)) AS leased,
       (SELECT array_agg(m.id)
          FROM unnest(%(message_ids)s::bigint[], %(phones)s::text[]) AS going (id, phone)
          JOIN ige_phones p ON p.raw = going.phone AND p.region = %(region)s
          JOIN ai_proactive_messages m ON m.id = going.id AND m.confirms_opt_out IS NULL
         WHERE EXISTS (SELECT 1 FROM ige_suppressions s WHERE s.phone_e164 = p.e164 AND s.lifted_at IS NULL)
            OR EXISTS (SELECT 1
                         FROM ige_suppressions s
                        WHERE right(s.phone_e164, 4) = right(p.local_digits, 4)
                          AND s.phone_e164 LIKE '%%' || p.local_digits
                          AND s.lifted_at IS NULL)) AS opted_out

-- name: settle
-- Ends, or puts off, whatever has gathered; each row only for the run that holds it, but for one: what was accepted under
-- the row's key while nobody holds it any more was sent, and must not be sent again. The database adds delays to its own
-- clock. What would come due only when it has expired expires now, but for what was asked to wait: that may be taken back.
-- What spent no attempt gets it back.
--
-- Beside it, one row for each claim that ended in an outcome; `posted_at` stays empty where nothing left, and what expired
-- says so in a row of its own. The same message postponed for the same reasons is one row with a count, not one every five
-- minutes.
WITH settled AS (
    UPDATE ai_proactive_messages m
       SET sent_at = CASE WHEN s.ends = 'sent' THEN NOW() END,
           sent_by_us = s.ends = 'sent',
           updated_at = CASE WHEN s.ends = 'sent' THEN NOW() ELSE m.updated_at END,
           dead_at = CASE WHEN s.ends = 'dead' THEN now() END,
           dead_reason = CASE WHEN s.ends = 'dead' THEN s.reason END,
           cancelled_at = CASE WHEN s.ends = 'cancelled' THEN now() END,
           cancel_reason = CASE WHEN s.ends = 'cancelled' THEN s.reason END,
           expired_at = CASE WHEN s.ends = 'later' AND s.reason IS DISTINCT FROM 'http_429' AND CASE
                       WHEN m.expires_at IS NOT NULL THEN s.due_at >= m.expires_at
                       -- Compared this way round no date overflows, whatever another program wrote.
                       ELSE (s.due_at - make_interval(secs => %(expire_after_hours)s::float8 * 3600))::timestamp
                            >= COALESCE(m.created_at, m.updated_at) END THEN now() END,
           next_attempt_at = CASE WHEN s.ends = 'later' THEN s.due_at WHEN s.ends <> 'sent' THEN m.next_attempt_at END,
           attempts = m.attempts - CASE WHEN s.gives_back THEN 1 ELSE 0 END,
           -- Whoever settles what was posted has outlived it.
           deaths = CASE WHEN s.gives_back THEN m.deaths ELSE 0 END,
           last_error = CASE WHEN s.ends = 'sent' THEN NULL WHEN s.ends = 'cancelled' THEN m.last_error ELSE s.reason END,
           lease_owner = NULL, lease_token = NULL, lease_expires_at = NULL
      FROM (SELECT told.*, COALESCE(told.until, now() + make_interval(secs => told.delay)) AS due_at
              FROM unnest(%(ids)s::bigint[], %(tokens)s::uuid[], %(ends)s::text[], %(reasons)s::text[],
                          %(delays)s::float8[], %(untils)s::timestamptz[], %(gives_back)s::boolean[], %(keys)s::uuid[])
                   AS told (id, token, ends, reason, delay, until, gives_back, key)) AS s
     WHERE m.id = s.id AND m.sent_at IS NULL
       AND (m.lease_token = s.token
            OR (s.ends = 'sent' AND m.lease_token IS NULL AND m.idempotency_key = s.key
                AND m.dead_at IS NULL AND m.cancelled_at IS NULL AND m.expired_at IS NULL))
    RETURNING m.id, m.next_attempt_at, m.expired_at IS NOT NULL AS expired, m.last_error
), told AS (
    SELECT t.*, s.id IS NOT NULL AND s.expired AS expired, s.last_error,
           CASE WHEN NOT s.expired THEN s.next_attempt_at END AS next_attempt_at
      FROM jsonb_to_recordset(%(attempts)s::jsonb) AS t (
           message_id bigint, run_id text, attempt smallint, lease_token uuid, claimed_at timestamptz,
           posted_at timestamptz, duration_ms integer, outcome text, reasons jsonb, status_code smallint,
           error_class text, response text)
      LEFT JOIN settled s ON s.id = t.message_id
), repeated AS (
    UPDATE ige_delivery_attempts a
       SET repeats = a.repeats + 1, ended_at = now(), next_attempt_at = t.next_attempt_at, run_id = t.run_id
      FROM told t
     WHERE t.outcome = 'Postponed'
       AND a.id = (SELECT max(earlier.id) FROM ige_delivery_attempts earlier WHERE earlier.message_id = t.message_id)
       AND a.outcome = 'Postponed'
       AND a.posted_at IS NULL
       AND (SELECT array_agg(r ->> 'reason' ORDER BY r ->> 'reason') FROM jsonb_array_elements(a.reasons) r)
           IS NOT DISTINCT FROM
           (SELECT array_agg(r ->> 'reason' ORDER BY r ->> 'reason') FROM jsonb_array_elements(t.reasons) r)
    RETURNING a.message_id
), recorded AS (
    INSERT INTO ige_delivery_attempts (message_id, run_id, attempt, lease_token, claimed_at, posted_at, duration_ms,
                                       outcome, reasons, status_code, error_class, response, next_attempt_at)
    SELECT * FROM (
        SELECT t.message_id, t.run_id, t.attempt, t.lease_token, t.claimed_at, t.posted_at, t.duration_ms, t.outcome,
               t.reasons, t.status_code, t.error_class, t.response, t.next_attempt_at
          FROM told t
         WHERE t.outcome <> 'Postponed' OR NOT EXISTS (SELECT 1 FROM repeated r WHERE r.message_id = t.message_id)
         UNION ALL
        SELECT t.message_id, t.run_id, t.attempt, t.lease_token, t.claimed_at, NULL, NULL, 'Expired',
               jsonb_build_array(jsonb_build_object('reason', 'stale', 'observed', t.last_error, 'limit', 'expires_at')),
               NULL, NULL, NULL, NULL
          FROM told t
         WHERE t.expired) AS attempt
     ORDER BY attempt.message_id, attempt.outcome = 'Expired'
)
SELECT id, next_attempt_at, expired, last_error FROM settled

-- name: written
-- Of messages whose settling was cut off, those of which it had been committed: their attempts say so.
SELECT a.message_id, a.next_attempt_at, m.expired_at IS NOT NULL AS expired, m.last_error
  FROM ige_delivery_attempts a
  JOIN ai_proactive_messages m ON m.id = a.message_id
 WHERE a.message_id = ANY (%(message_ids)s::bigint[])
   AND a.lease_token = ANY (%(tokens)s::uuid[])
   AND a.outcome <> 'Expired'

-- name: plan_once
-- A run asks the same few questions again and again, always about a few rows: planning them anew costs more than they do.
SELECT set_config('plan_cache_mode', 'force_generic_plan', false)

-- name: leave_unflushed
-- For one transaction whose loss repeats nothing: what is flushed after it flushes it, too. Marks are always flushed.
SELECT set_config('synchronous_commit', 'off', true)

-- name: standing
-- What a delivery run must know before it touches a row. What we sent says so; a version of ours that did not yet say it
-- left an attempt. That a row became sent without us was noted as it happened; one that was put in as sent has nothing
-- but its own clock.
SELECT COALESCE((SELECT value ->> 'state' = 'done' FROM ige_switches WHERE name = 'adoption'), false) AS adopted,
       COALESCE((SELECT (value ->> 'on')::boolean FROM ige_switches WHERE name = 'stop'), false) AS stopped,
       (SELECT reason FROM ige_switches WHERE name = 'stop') AS stop_reason,
       EXISTS (SELECT 1
                 FROM ai_proactive_messages m
                WHERE m.sent_by_others_at > now() - interval '1 hour'
                  AND NOT EXISTS (SELECT 1
                                    FROM ige_delivery_attempts a
                                   WHERE a.message_id = m.id
                                     AND a.outcome = 'Delivered'))
       OR
       EXISTS (SELECT 1
                 FROM ai_proactive_messages m
                WHERE m.sent_at > NOW() - interval '1 hour'
                  AND m.sent_at <= NOW()
                  AND NOT m.sent_by_us
                  AND NOT EXISTS (SELECT 1
                                    FROM ige_delivery_attempts a
                                   WHERE a.message_id = m.id
                                     AND a.outcome = 'Delivered')) AS other_sender

-- name: note_success
-- One row, whoever was the last.
INSERT INTO ige_last_success (job, at, run_id) VALUES ('delivery', now(), %(run_id)s)
ON CONFLICT (job) DO UPDATE SET at = EXCLUDED.at, run_id = EXCLUDED.run_id

-- name: backlog
-- How the outbox stands now.
SELECT count(*) AS unsent,
       count(*) FILTER (WHERE m.lease_token IS NULL
                          AND (m.not_before IS NULL OR m.not_before <= now())
                          AND (m.next_attempt_at IS NULL OR m.next_attempt_at <= now())
                          AND (%(adopted)s OR m.trigger_name IS NOT NULL)) AS due,
       count(*) FILTER (WHERE m.lease_token IS NOT NULL) AS leased,
       count(*) FILTER (WHERE m.not_before > now() OR m.next_attempt_at > now()) AS waiting,
       count(*) FILTER (WHERE NOT %(adopted)s AND m.trigger_name IS NULL) AS held_for_adoption,
       COALESCE(EXTRACT(EPOCH FROM now() - min(m.created_at)::timestamptz) / 60, 0)::float8 AS oldest_minutes
  FROM ai_proactive_messages m
 WHERE m.sent_at IS NULL AND m.dead_at IS NULL AND m.cancelled_at IS NULL AND m.expired_at IS NULL

-- name: arrivals
-- How many messages came into the outbox in the last day: ours as their batches counted them, and other programs' rows,
-- whatever became of them.
SELECT (COALESCE((SELECT sum((b.counts ->> 'scheduled')::bigint)
                    FROM ige_batches b
                   WHERE b.opened_at > now() - interval '24 hours' AND NOT b.dry_run), 0)
        + (SELECT count(*)
             FROM ai_proactive_messages m
            WHERE m.trigger_name IS NULL
              AND m.created_at > (now() - interval '24 hours')::timestamp))::bigint AS in_a_day
