-- name: new_owner
-- A run's name in its leases. While its connection lives it holds an advisory lock of that number.
SELECT nextval('ige_lease_owner') AS owner

-- name: hold_owner
-- Postgres lets go of this the moment the connection dies: that is how others know. Shared by the connections of one run.
SELECT pg_advisory_lock_shared(%(lock_class)s::int4, %(owner)s::int4)

-- name: notice_our_death
-- A server that waits for a lock, or works, on behalf of a run that was killed would hold that run's number for as long:
-- let it look every two seconds whether anybody is still there (Postgres 14 and later, and not on Windows).
SELECT set_config(name, '2s', false)
  FROM pg_settings
 WHERE name = 'client_connection_check_interval' AND version() !~* 'visual c|mingw|windows'

-- name: release_orphans
-- Rows of runs that are gone: their lock is free, or they were silent for too long. The attempt stays spent, so that a
-- message which kills its run is stopped.
UPDATE ai_proactive_messages m
   SET lease_owner = NULL, lease_token = NULL, lease_expires_at = NULL, last_error = 'run_died'
 WHERE m.lease_token IS NOT NULL
   AND (m.lease_expires_at < now()
        OR NOT EXISTS (SELECT 1
                         FROM pg_locks l
                        WHERE l.locktype = 'advisory'
                          AND l.classid = %(lock_class)s::int4::oid
                          AND l.objid = m.lease_owner::int4::oid
                          AND l.objsubid = 2
                          AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())))

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

-- name: claim_due
-- As many as may be posted now, in their turn: priority plus a point for each hour of waiting. Never one of somebody who
-- already has one leased, nor two of one person, nor any while the endpoint's circuit is open, but for the probe. One
-- whose run died comes alone: it may be what killed it, and others beside it would pay. One whose runs died again and
-- again (`worn`) is asked for by itself, when nothing else is due. The claim spends an attempt.
WITH due AS (
    SELECT m.id, m.contractor_id, m.last_error IS NOT DISTINCT FROM 'run_died' AS survivor,
           m.priority - date_part('epoch', COALESCE(m.created_at, m.updated_at)) / 3600 AS turn
      FROM ai_proactive_messages m
     WHERE m.sent_at IS NULL AND m.dead_at IS NULL AND m.cancelled_at IS NULL AND m.expired_at IS NULL
       AND m.lease_token IS NULL
       AND COALESCE(GREATEST(m.not_before, m.next_attempt_at), '-infinity') <= now()
       AND CASE WHEN m.expires_at IS NOT NULL THEN m.expires_at > now()
                ELSE COALESCE(COALESCE(m.created_at, m.updated_at)
                     > (now() - make_interval(secs => %(expire_after_hours)s::float8 * 3600))::timestamp, false) END
       AND (%(adopted)s OR m.trigger_name IS NOT NULL)
       AND NOT EXISTS (SELECT 1
                         FROM ai_proactive_messages other
                        WHERE other.contractor_id = m.contractor_id
                          AND other.lease_token IS NOT NULL)
       AND (%(probing)s
            OR NOT EXISTS (SELECT 1 FROM ige_circuits k WHERE k.endpoint = %(endpoint)s AND k.state <> 'closed'))
       AND (%(only)s::bigint IS NULL OR m.id = %(only)s)
       AND (%(worn)s::boolean IS NULL
            OR %(worn)s = (m.last_error IS NOT DISTINCT FROM 'run_died' AND m.attempts > 1))
     ORDER BY m.priority - date_part('epoch', COALESCE(m.created_at, m.updated_at)) / 3600 DESC NULLS LAST,
              COALESCE(GREATEST(m.not_before, m.next_attempt_at), '-infinity'), m.id
     LIMIT %(at_most)s
       FOR UPDATE OF m SKIP LOCKED
), placed AS (
    SELECT d.*, row_number() OVER (ORDER BY d.turn DESC NULLS LAST, d.id) AS place
      FROM due d
), next AS (
    SELECT DISTINCT ON (COALESCE(p.contractor_id::bigint, -p.id)) p.id
      FROM placed p
     WHERE (p.place = 1 AND p.survivor)
        OR p.place < COALESCE((SELECT min(first.place) FROM placed first WHERE first.survivor), p.place + 1)
     ORDER BY COALESCE(p.contractor_id::bigint, -p.id), p.place
), leased AS (
    UPDATE ai_proactive_messages m
       SET lease_owner = %(owner)s,
           lease_token = gen_random_uuid(),
           lease_expires_at = now() + make_interval(secs => %(lease_seconds)s::float8),
           attempts = m.attempts + 1,
           idempotency_key = COALESCE(m.idempotency_key, gen_random_uuid())
      FROM next
     WHERE m.id = next.id
    RETURNING m.id, m.contractor_id, m.message_type, m.message_content, m.ai_reasoning, m.attempts, m.lease_token,
              m.idempotency_key, m.decision_id, m.source_message_type, m.created_at, m.last_error,
              m.priority - date_part('epoch', COALESCE(m.created_at, m.updated_at)) / 3600 AS turn
)
SELECT m.id AS message_id, m.contractor_id, m.message_type, COALESCE(m.message_content, '') AS message,
       COALESCE(m.ai_reasoning, '') AS ai_reasoning, m.attempts AS attempt, m.lease_token AS token, m.idempotency_key,
       m.decision_id IS NULL AS unexplained, m.source_message_type IS NOT NULL AS promised, now() AS claimed_at,
       -- Who it goes to, by the name and number of this moment, and the hour its batch belongs to.
       COALESCE(NULLIF(concat_ws(' ', c.first_name, c.last_name), ''), '') AS contractor_name,
       COALESCE(c.phone, '') AS phone,
       COALESCE((SELECT b.batch_hour
                   FROM ige_decisions d
                   JOIN ige_batches b ON b.id = d.batch_id
                  WHERE d.id = m.decision_id
                  LIMIT 1),
                date_trunc('hour', CASE WHEN m.created_at BETWEEN '1970-01-01' AND '2200-01-01'
                                        THEN m.created_at::timestamptz ELSE now() END, 'UTC')) AS batch_hour,
       tried.rate_limited,
       m.last_error IS NOT DISTINCT FROM 'run_died' AS survivor,
       -- Only while others are being accepted: what an outage made suspects must not die of the next one.
       COALESCE((SELECT tried.faulted_at < k.accepted_at AND k.accepted_at > now() - interval '5 minutes'
                   FROM ige_circuits k
                  WHERE k.endpoint = %(endpoint)s), false) AS suspect
  FROM leased m
  LEFT JOIN contractors c ON c.id = m.contractor_id
 CROSS JOIN LATERAL (SELECT count(*) FILTER (WHERE a.status_code = 429) AS rate_limited,
                            max(a.ended_at) FILTER (WHERE a.outcome = 'EndpointFault') AS faulted_at
                       FROM ige_delivery_attempts a
                      WHERE a.message_id = m.id) tried
 ORDER BY m.turn DESC NULLS LAST, m.id

-- name: probe
-- The last in line that did not itself find the endpoint wrong: what is wrong with the head says nothing of the tail.
SELECT m.id
  FROM ai_proactive_messages m
 WHERE m.sent_at IS NULL AND m.dead_at IS NULL AND m.cancelled_at IS NULL AND m.expired_at IS NULL
   AND m.lease_token IS NULL
   AND COALESCE(GREATEST(m.not_before, m.next_attempt_at), '-infinity') <= now()
   AND (%(adopted)s OR m.trigger_name IS NOT NULL)
   AND NOT EXISTS (SELECT 1
                     FROM ige_delivery_attempts a
                    WHERE a.message_id = m.id
                      AND a.outcome = 'EndpointFault')
 ORDER BY m.priority - date_part('epoch', COALESCE(m.created_at, m.updated_at)) / 3600 ASC NULLS FIRST,
          COALESCE(GREATEST(m.not_before, m.next_attempt_at), '-infinity') DESC, m.id DESC
 LIMIT 1

-- name: prepare_decisions
-- The day's partition of the ledger must exist before its first row.
SELECT ige_prepare_decisions((now() AT TIME ZONE 'UTC')::date)

-- name: explain_external
-- Rows that another program inserted get a decision too, so that every message can be asked why.
WITH decision AS (
    INSERT INTO ige_decisions (decided_on, contractor_id, trigger_name, message_type, priority, dedupe_key, reason,
                               facts, draft, draft_source, ai_reasoning, screened_at, reviewed_at, verdict, decided_at,
                               message_id)
    SELECT (now() AT TIME ZONE 'UTC')::date, m.contractor_id, 'external', COALESCE(m.message_type, 'unknown'),
           m.priority, 'external:' || m.id, 'Another program put this message into the outbox.',
           COALESCE(m.context_data, '{}'), m.message_content, 'external', m.ai_reasoning, now(), now(), 'scheduled',
           now(), m.id
      FROM ai_proactive_messages m
     WHERE m.id = ANY (%(message_ids)s::bigint[])
       AND m.decision_id IS NULL
       AND m.contractor_id IS NOT NULL
    RETURNING id, message_id
)
UPDATE ai_proactive_messages m
   SET decision_id = decision.id
  FROM decision
 WHERE m.id = decision.message_id

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
-- clock. What would come due only when it has expired expires now. What spent no attempt gets it back.
UPDATE ai_proactive_messages m
   SET sent_at = CASE WHEN s.ends = 'sent' THEN NOW() END,
       sent_by_us = s.ends = 'sent',
       updated_at = CASE WHEN s.ends = 'sent' THEN NOW() ELSE m.updated_at END,
       dead_at = CASE WHEN s.ends = 'dead' THEN now() END,
       dead_reason = CASE WHEN s.ends = 'dead' THEN s.reason END,
       cancelled_at = CASE WHEN s.ends = 'cancelled' THEN now() END,
       cancel_reason = CASE WHEN s.ends = 'cancelled' THEN s.reason END,
       expired_at = CASE WHEN s.expires THEN now() END,
       next_attempt_at = CASE WHEN s.ends = 'later' THEN s.due_at WHEN s.ends <> 'sent' THEN m.next_attempt_at END,
       attempts = m.attempts - CASE WHEN s.gives_back THEN 1 ELSE 0 END,
       last_error = CASE WHEN s.ends = 'sent' THEN NULL WHEN s.ends = 'cancelled' THEN m.last_error ELSE s.reason END,
       lease_owner = NULL, lease_token = NULL, lease_expires_at = NULL
  FROM (SELECT told.*, held.due_at, told.ends = 'later' AND CASE
                   WHEN own.expires_at IS NOT NULL THEN held.due_at >= own.expires_at
                   -- Compared this way round no date overflows, whatever another program wrote.
                   ELSE (held.due_at - make_interval(secs => %(expire_after_hours)s::float8 * 3600))::timestamp
                        >= COALESCE(own.created_at, own.updated_at) END AS expires
          FROM unnest(%(ids)s::bigint[], %(tokens)s::uuid[], %(ends)s::text[], %(reasons)s::text[],
                      %(delays)s::float8[], %(untils)s::timestamptz[], %(gives_back)s::boolean[], %(keys)s::uuid[])
               AS told (id, token, ends, reason, delay, until, gives_back, key)
         CROSS JOIN LATERAL (SELECT COALESCE(told.until, now() + make_interval(secs => told.delay)) AS due_at) held
          JOIN ai_proactive_messages own ON own.id = told.id) AS s
 WHERE m.id = s.id AND m.sent_at IS NULL
   AND (m.lease_token = s.token
        OR (s.ends = 'sent' AND m.lease_token IS NULL AND m.idempotency_key = s.key
            AND m.dead_at IS NULL AND m.cancelled_at IS NULL AND m.expired_at IS NULL))
RETURNING m.id, m.next_attempt_at, m.expired_at IS NOT NULL AS expired, m.last_error

-- name: written
-- Of messages whose settling was cut off, those of which it had been committed: their attempts say so.
SELECT a.message_id, a.next_attempt_at, m.expired_at IS NOT NULL AS expired, m.last_error
  FROM ige_delivery_attempts a
  JOIN ai_proactive_messages m ON m.id = a.message_id
 WHERE a.message_id = ANY (%(message_ids)s::bigint[])
   AND a.lease_token = ANY (%(tokens)s::uuid[])
   AND a.outcome <> 'Expired'

-- name: record_attempts
-- One row for each claim that ended in an outcome; `posted_at` stays empty where nothing left. The same message postponed
-- for the same reasons is one row with a count, not one every five minutes.
WITH told AS (
    SELECT *
      FROM jsonb_to_recordset(%(attempts)s::jsonb) AS t (
           message_id bigint, run_id text, attempt smallint, lease_token uuid, claimed_at timestamptz,
           posted_at timestamptz, duration_ms integer, outcome text, reasons jsonb, status_code smallint,
           error_class text, response text, next_attempt_at timestamptz)
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
)
INSERT INTO ige_delivery_attempts (message_id, run_id, attempt, lease_token, claimed_at, posted_at, duration_ms, outcome,
                                   reasons, status_code, error_class, response, next_attempt_at)
SELECT t.message_id, t.run_id, t.attempt, t.lease_token, t.claimed_at, t.posted_at, t.duration_ms, t.outcome, t.reasons,
       t.status_code, t.error_class, t.response, t.next_attempt_at
  FROM told t
 WHERE t.outcome <> 'Postponed' OR NOT EXISTS (SELECT 1 FROM repeated r WHERE r.message_id = t.message_id)
 ORDER BY t.message_id

-- name: reserve_pace
-- Start to start, shared by all runs: each takes the next free moments, one after the other, and waits for them. There
-- are none while the endpoint's circuit is open, but for the probe. A moment that lies further ahead than any number of
-- runs could have taken was written before the server's clock was set back.
INSERT INTO ige_pace AS p (endpoint, next_at)
SELECT %(endpoint)s::text, now() + make_interval(secs => %(moments)s / %(messages_per_second)s::float8)
 WHERE %(probing)s OR NOT EXISTS (SELECT 1 FROM ige_circuits k WHERE k.endpoint = %(endpoint)s AND k.state <> 'closed')
ON CONFLICT (endpoint) DO UPDATE
   SET next_at = GREATEST(now(), LEAST(p.next_at, now() + make_interval(secs => 60 + 10 / %(messages_per_second)s::float8)))
                 + make_interval(secs => %(moments)s / %(messages_per_second)s::float8)
RETURNING GREATEST(0, EXTRACT(EPOCH FROM p.next_at - now()) - %(moments)s / %(messages_per_second)s::float8)::float8
          AS wait_s

-- name: start_late
-- Moments that passed unused begin now: the next free one, for all runs, comes after them.
UPDATE ige_pace
   SET next_at = GREATEST(next_at, now() + make_interval(secs => %(moments)s / %(messages_per_second)s::float8))
 WHERE endpoint = %(endpoint)s

-- name: read_in_order
-- For the claim alone: the outbox is read by the index that holds its order, and what belongs to a row is looked up. If it
-- was filled a second ago there are no statistics, and planned for one row a hundred thousand would be sorted for each
-- claim; planned for any number of rows, everybody would be read to hash a few.
SELECT set_config('enable_sort', 'off', true), set_config('enable_seqscan', 'off', true),
       set_config('enable_bitmapscan', 'off', true), set_config('enable_hashjoin', 'off', true),
       set_config('enable_mergejoin', 'off', true)

-- name: plan_once
-- A run asks the same few questions again and again, always about a few rows: planning them anew costs more than they do.
SELECT set_config('plan_cache_mode', 'force_generic_plan', false)

-- name: leave_unflushed
-- For one transaction whose loss repeats nothing: what is flushed after it flushes it, too. Should the server itself crash
-- before that, a claim is undone as if its run had died, but for the attempt; marks are always flushed.
SELECT set_config('synchronous_commit', 'off', true)

-- name: standing
-- What a delivery run must know before it touches a row. What we sent says so; a version of ours that did not yet say it
-- left an attempt.
SELECT COALESCE((SELECT value ->> 'state' = 'done' FROM ige_switches WHERE name = 'adoption'), false) AS adopted,
       COALESCE((SELECT (value ->> 'on')::boolean FROM ige_switches WHERE name = 'stop'), false) AS stopped,
       (SELECT reason FROM ige_switches WHERE name = 'stop') AS stop_reason,
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
-- How many messages came into the outbox in the last day: ours as their batches counted them, and of other programs' those
-- that still wait.
SELECT (COALESCE((SELECT sum((b.counts ->> 'scheduled')::bigint)
                    FROM ige_batches b
                   WHERE b.opened_at > now() - interval '24 hours' AND NOT b.dry_run), 0)
        + (SELECT count(*)
             FROM ai_proactive_messages m
            WHERE m.sent_at IS NULL AND m.dead_at IS NULL AND m.cancelled_at IS NULL AND m.expired_at IS NULL
              AND m.trigger_name IS NULL
              AND m.created_at > (now() - interval '24 hours')::timestamp))::bigint AS in_a_day
