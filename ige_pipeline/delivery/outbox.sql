-- name: new_owner
-- A run's name in its leases. While its connection lives it holds an advisory lock of that number.
SELECT nextval('ige_lease_owner') AS owner

-- name: hold_owner
-- Postgres lets go of this the moment the connection dies: that is how others know.
SELECT pg_advisory_lock(%(lock_class)s::int4, %(owner)s::int4)

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

-- name: claim_next
-- One row, the most important first, never one of somebody who already has one leased. The claim spends an attempt.
WITH next AS (
    SELECT m.id
      FROM ai_proactive_messages m
     WHERE m.sent_at IS NULL AND m.dead_at IS NULL AND m.cancelled_at IS NULL AND m.expired_at IS NULL
       AND m.lease_token IS NULL
       AND (m.not_before IS NULL OR m.not_before <= now())
       AND (m.next_attempt_at IS NULL OR m.next_attempt_at <= now())
       AND CASE WHEN m.expires_at IS NOT NULL THEN m.expires_at > now()
                ELSE COALESCE(COALESCE(m.created_at, m.updated_at)
                     > (now() - make_interval(secs => %(expire_after_hours)s::float8 * 3600))::timestamp, false) END
       AND (%(adopted)s OR m.trigger_name IS NOT NULL)
       AND NOT EXISTS (SELECT 1
                         FROM ai_proactive_messages other
                        WHERE other.contractor_id = m.contractor_id
                          AND other.lease_token IS NOT NULL)
     ORDER BY m.priority DESC, m.created_at, m.id
     LIMIT 1
       FOR UPDATE OF m SKIP LOCKED
)
UPDATE ai_proactive_messages m
   SET lease_owner = %(owner)s,
       lease_token = gen_random_uuid(),
       lease_expires_at = now() + make_interval(secs => %(lease_seconds)s::float8),
       attempts = m.attempts + 1,
       idempotency_key = COALESCE(m.idempotency_key, gen_random_uuid())
  FROM next
 WHERE m.id = next.id
RETURNING m.id AS message_id, m.contractor_id, m.message_type, COALESCE(m.message_content, '') AS message,
          COALESCE(m.ai_reasoning, '') AS ai_reasoning, m.attempts AS attempt, m.lease_token AS token,
          m.idempotency_key, m.decision_id, m.trigger_name, m.source_message_type IS NOT NULL AS promised,
          now() AS claimed_at

-- name: prepare_decisions
-- The day's partition of the ledger must exist before its first row.
SELECT ige_prepare_decisions((now() AT TIME ZONE 'UTC')::date)

-- name: explain_external
-- A row that another program inserted gets a decision too, so that every message can be asked why.
WITH decision AS (
    INSERT INTO ige_decisions (decided_on, contractor_id, trigger_name, message_type, priority, dedupe_key, reason,
                               facts, draft, draft_source, ai_reasoning, screened_at, reviewed_at, verdict, decided_at,
                               message_id)
    SELECT (now() AT TIME ZONE 'UTC')::date, m.contractor_id, 'external', COALESCE(m.message_type, 'unknown'),
           m.priority, 'external:' || m.id, 'Another program put this message into the outbox.',
           COALESCE(m.context_data, '{}'), m.message_content, 'external', m.ai_reasoning, now(), now(), 'scheduled',
           now(), m.id
      FROM ai_proactive_messages m
     WHERE m.id = %(message_id)s
       AND m.decision_id IS NULL
       AND m.contractor_id IS NOT NULL
    RETURNING id, message_id
)
UPDATE ai_proactive_messages m
   SET decision_id = decision.id
  FROM decision
 WHERE m.id = decision.message_id

-- name: addressee
-- Who it goes to, by the name and number of this moment, and the hour its batch belongs to.
SELECT COALESCE(NULLIF(concat_ws(' ', c.first_name, c.last_name), ''), '') AS contractor_name,
       COALESCE(c.phone, '') AS phone,
       COALESCE(b.batch_hour,
                date_trunc('hour', CASE WHEN m.created_at BETWEEN '1970-01-01' AND '2200-01-01'
                                        THEN m.created_at::timestamptz ELSE now() END, 'UTC')) AS batch_hour,
       (SELECT count(*) FROM ige_delivery_attempts a WHERE a.message_id = m.id AND a.status_code = 429) AS rate_limited,
       now() AS now
  FROM ai_proactive_messages m
  LEFT JOIN contractors c ON c.id = m.contractor_id
  LEFT JOIN ige_decisions d ON d.id = m.decision_id
  LEFT JOIN ige_batches b ON b.id = d.batch_id
 WHERE m.id = %(message_id)s

-- name: may_post
-- The last look before the request leaves: is the lease still ours, and has nobody stopped all sending?
SELECT EXISTS (SELECT 1
                 FROM ai_proactive_messages m
                WHERE m.id = %(message_id)s
                  AND m.lease_token = %(token)s
                  AND m.sent_at IS NULL
                  AND m.lease_expires_at > now() + make_interval(secs => %(post_timeout_seconds)s::float8)) AS leased,
       COALESCE((SELECT (s.value ->> 'on')::boolean FROM ige_switches s WHERE s.name = 'stop'), false) AS stopped

-- name: settle_delivered
-- Ends the row only for the run that holds it.
UPDATE ai_proactive_messages
   SET sent_at = NOW(), updated_at = NOW(), last_error = NULL, next_attempt_at = NULL,
       lease_owner = NULL, lease_token = NULL, lease_expires_at = NULL
 WHERE id = %(message_id)s AND lease_token = %(token)s AND sent_at IS NULL

-- name: settle_later
-- Due again: the database adds the delay to its own clock. What spent no attempt gets it back.
UPDATE ai_proactive_messages
   SET next_attempt_at = COALESCE(%(until)s::timestamptz, now() + %(delay)s::interval),
       attempts = attempts - CASE WHEN %(spends_attempt)s THEN 0 ELSE 1 END,
       last_error = %(reason)s,
       lease_owner = NULL, lease_token = NULL, lease_expires_at = NULL
 WHERE id = %(message_id)s AND lease_token = %(token)s AND sent_at IS NULL
RETURNING next_attempt_at

-- name: settle_endpoint_fault
-- The endpoint is to blame, so no attempt is spent; but a workflow may pass on an answer that only this message gets.
-- Each time it waits twice as long, 10 minutes to an hour, so that the next run begins with another row.
UPDATE ai_proactive_messages m
   SET next_attempt_at = now() + LEAST(interval '1 hour', interval '10 minutes' * power(2, LEAST(10,
           (SELECT count(*) FROM ige_delivery_attempts a
             WHERE a.message_id = m.id AND a.outcome = 'EndpointFault')))),
       attempts = m.attempts - 1,
       last_error = %(reason)s,
       lease_owner = NULL, lease_token = NULL, lease_expires_at = NULL
 WHERE m.id = %(message_id)s AND m.lease_token = %(token)s AND m.sent_at IS NULL
RETURNING m.next_attempt_at

-- name: settle_dead
-- No further try can help; the reason stays with it.
UPDATE ai_proactive_messages
   SET dead_at = now(), dead_reason = %(reason)s, last_error = %(reason)s,
       lease_owner = NULL, lease_token = NULL, lease_expires_at = NULL
 WHERE id = %(message_id)s AND lease_token = %(token)s AND sent_at IS NULL

-- name: settle_cancelled
-- It must not go any more; it gives up its dedupe key.
UPDATE ai_proactive_messages
   SET cancelled_at = now(), cancel_reason = %(reason)s, attempts = attempts - 1,
       lease_owner = NULL, lease_token = NULL, lease_expires_at = NULL
 WHERE id = %(message_id)s AND lease_token = %(token)s AND sent_at IS NULL

-- name: repeat_postponement
-- The same row postponed for the same reasons is one row with a count, not one every five minutes.
UPDATE ige_delivery_attempts a
   SET repeats = a.repeats + 1, ended_at = now(), next_attempt_at = %(next_attempt_at)s, run_id = %(run_id)s
 WHERE a.id = (SELECT max(id) FROM ige_delivery_attempts WHERE message_id = %(message_id)s)
   AND a.outcome = 'Postponed'
   AND a.posted_at IS NULL
   AND %(outcome)s = 'Postponed'
   AND (SELECT array_agg(r ->> 'reason' ORDER BY r ->> 'reason') FROM jsonb_array_elements(a.reasons) r)
       IS NOT DISTINCT FROM
       (SELECT array_agg(r ->> 'reason' ORDER BY r ->> 'reason') FROM jsonb_array_elements(%(reasons)s::jsonb) r)

-- name: record_attempt
-- One row for each claim that ended in an outcome; `posted_at` stays empty where nothing left.
INSERT INTO ige_delivery_attempts (message_id, run_id, attempt, lease_token, claimed_at, posted_at, duration_ms, outcome,
                                   reasons, status_code, error_class, response, next_attempt_at)
VALUES (%(message_id)s, %(run_id)s, %(attempt)s, %(token)s, %(claimed_at)s, %(posted_at)s, %(duration_ms)s, %(outcome)s,
        %(reasons)s, %(status_code)s, %(error_class)s, %(response)s, %(next_attempt_at)s)

-- name: reserve_pace
-- Start to start, shared by all runs: each takes the next free moment and waits for it.
INSERT INTO ige_pace AS p (endpoint, next_at)
VALUES (%(endpoint)s, now() + make_interval(secs => 1 / %(messages_per_second)s::float8))
ON CONFLICT (endpoint) DO UPDATE
   SET next_at = GREATEST(now(), p.next_at) + make_interval(secs => 1 / %(messages_per_second)s::float8)
RETURNING GREATEST(0, EXTRACT(EPOCH FROM p.next_at - now()) - 1 / %(messages_per_second)s::float8)::float8 AS wait_s

-- name: standing
-- What a delivery run must know before it touches a row.
SELECT COALESCE((SELECT value ->> 'state' = 'done' FROM ige_switches WHERE name = 'adoption'), false) AS adopted,
       COALESCE((SELECT (value ->> 'on')::boolean FROM ige_switches WHERE name = 'stop'), false) AS stopped,
       (SELECT reason FROM ige_switches WHERE name = 'stop') AS stop_reason,
       EXISTS (SELECT 1
                 FROM ai_proactive_messages m
                WHERE m.sent_at > NOW() - interval '1 hour'
                  AND m.attempts = 0) AS other_sender

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

-- name: delivered_by_hour
-- All of an hour's batches together, whichever runs delivered them.
SELECT b.batch_hour, count(*) AS delivered
  FROM ige_batches b
  JOIN ige_decisions d ON d.batch_id = b.id
  JOIN ai_proactive_messages m ON m.id = d.message_id
 WHERE b.batch_hour = ANY (%(hours)s::timestamptz[])
   AND d.verdict = 'scheduled'
   AND m.sent_at IS NOT NULL
 GROUP BY b.batch_hour
