-- name: claims_only
-- What holds for claims alone. The outbox is read by the index that holds its order, and what belongs to a row is looked
-- up: if it was filled a second ago there are no statistics, and planned for one row a hundred thousand would be sorted for
-- each claim; planned for any number of rows, everybody would be read to hash a few. Claims are asked again and again:
-- planning them anew costs more than they do. And none is flushed: what is flushed after it flushes it, too. Should the
-- server itself crash before that, a claim is undone as if its run had died, but for the attempt.
SELECT set_config('enable_sort', 'off', false), set_config('enable_seqscan', 'off', false),
       set_config('enable_bitmapscan', 'off', false), set_config('enable_hashjoin', 'off', false),
       set_config('enable_mergejoin', 'off', false), set_config('plan_cache_mode', 'force_generic_plan', false),
       set_config('synchronous_commit', 'off', false)

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
INSERT INTO ige_pace AS p (endpoint, next_at)
VALUES (%(endpoint)s::text, now() + make_interval(secs => %(moments)s / %(messages_per_second)s::float8))
ON CONFLICT (endpoint) DO UPDATE SET next_at = GREATEST(p.next_at, EXCLUDED.next_at)

-- name: begin_late
-- Moments that passed unused begin now, as if they were reserved anew; but where another run holds moments behind them,
-- they begin behind those, lest two start too near to one another. Nobody waits for that with a row in hand for more than
-- ten seconds. `ends_in_s` is when the last of ours would have been over.
WITH standing AS (
    SELECT p.next_at,
           p.next_at > now() + make_interval(secs => %(ends_in_s)s::float8 + 0.25 / %(messages_per_second)s::float8)
           AND p.next_at BETWEEN now() AND now() + interval '10 seconds' AS behind
      FROM ige_pace p
     WHERE p.endpoint = %(endpoint)s
       FOR UPDATE
)
UPDATE ige_pace p
   SET next_at = make_interval(secs => %(moments)s / %(messages_per_second)s::float8)
                 + CASE WHEN s.behind THEN s.next_at
                        ELSE GREATEST(s.next_at - make_interval(secs => %(moments)s / %(messages_per_second)s::float8),
                                      now()) END
  FROM standing s
 WHERE p.endpoint = %(endpoint)s
RETURNING CASE WHEN s.behind THEN EXTRACT(EPOCH FROM s.next_at - now()) ELSE 0 END::float8 AS wait_s

-- name: claim_due
-- As many as may be posted now, in their turn: priority plus a point for each hour of waiting. Never one of somebody who
-- already has one leased, nor two of one person, nor any while the endpoint's circuit is open, but for the probe. One
-- whose run died comes alone: it may be what killed it, and others beside it would pay. One whose runs died again and
-- again (`worn`) is asked for by itself, when nothing else is due, and now and then all the same. The claim spends an
-- attempt.
WITH due AS (
    SELECT m.id, m.contractor_id, COALESCE(m.deaths, 0) > 0 AS survivor,
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
            OR %(worn)s = (COALESCE(m.deaths, 0) > 1))
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
              m.idempotency_key, m.decision_id, m.source_message_type, m.created_at, m.deaths,
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
       -- In a row: others may have been asked to wait where this one was not.
       GREATEST(tried.rate_limited, k.waits) AS rate_limited, tried.lost,
       COALESCE(m.deaths, 0) > 0 AS survivor,
       -- Only while others are being accepted: what an outage made suspects must not die of the next one.
       COALESCE(tried.faulted_at < k.accepted_at AND k.accepted_at > now() - interval '5 minutes', false) AS suspect,
       COALESCE(tried.limited_at < k.accepted_at AND k.accepted_at > now() - interval '5 minutes', false) AS limited_alone
  FROM leased m
  LEFT JOIN contractors c ON c.id = m.contractor_id
  LEFT JOIN ige_circuits k ON k.endpoint = %(endpoint)s
 CROSS JOIN LATERAL (SELECT count(*) FILTER (WHERE a.status_code = 429) AS rate_limited,
                            count(*) FILTER (WHERE a.outcome = 'Ambiguous') AS lost,
                            max(a.ended_at) FILTER (WHERE a.outcome = 'EndpointFault') AS faulted_at,
                            max(a.ended_at) FILTER (WHERE a.status_code = 429) AS limited_at
                       FROM ige_delivery_attempts a
                      WHERE a.message_id = m.id) tried
 ORDER BY m.turn DESC NULLS LAST, m.id

-- name: probe
-- The last in line that did not itself find the endpoint wrong, nor was asked to wait, nor may have arrived already: what
-- is wrong with the head says nothing of the tail.
SELECT m.id
  FROM ai_proactive_messages m
 WHERE m.sent_at IS NULL AND m.dead_at IS NULL AND m.cancelled_at IS NULL AND m.expired_at IS NULL
   AND m.lease_token IS NULL
   AND COALESCE(GREATEST(m.not_before, m.next_attempt_at), '-infinity') <= now()
   AND (%(adopted)s OR m.trigger_name IS NOT NULL)
   AND NOT EXISTS (SELECT 1
                     FROM ige_delivery_attempts a
                    WHERE a.message_id = m.id
                      AND (a.outcome IN ('EndpointFault', 'Ambiguous') OR a.status_code = 429))
 ORDER BY m.priority - date_part('epoch', COALESCE(m.created_at, m.updated_at)) / 3600 ASC NULLS FIRST,
          COALESCE(GREATEST(m.not_before, m.next_attempt_at), '-infinity') DESC, m.id DESC
 LIMIT 1

-- name: worn
-- Of those that outlived more than one run, the first in line. There are hardly ever any, and `ige_worn` holds no others:
-- they are gathered before they are put in order, or the whole outbox would be read in its order to find none.
WITH worn AS MATERIALIZED (
    SELECT m.id, m.priority - date_part('epoch', COALESCE(m.created_at, m.updated_at)) / 3600 AS turn
      FROM ai_proactive_messages m
     WHERE m.deaths > 1
       AND m.sent_at IS NULL AND m.dead_at IS NULL AND m.cancelled_at IS NULL AND m.expired_at IS NULL
       AND m.lease_token IS NULL
       AND COALESCE(GREATEST(m.not_before, m.next_attempt_at), '-infinity') <= now()
       AND (%(adopted)s OR m.trigger_name IS NOT NULL)
)
SELECT w.id FROM worn w ORDER BY w.turn DESC NULLS LAST, w.id LIMIT 1

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

-- name: release_orphans
-- Rows of runs that are gone: their lock is free, and was when we looked before (`surely`), or they were silent for too
-- long. A run whose connections were all cut shows its life again within a second: between two looks it has. The attempt
-- stays spent, so that a message which kills its run is stopped.
WITH gone AS MATERIALIZED (
    SELECT m.id, m.lease_token, m.lease_owner,
           m.lease_expires_at < now() OR m.lease_owner = ANY (%(surely)s::bigint[]) AS over
      FROM ai_proactive_messages m
     WHERE m.lease_token IS NOT NULL
       AND (m.lease_expires_at < now()
            OR NOT EXISTS (SELECT 1
                             FROM pg_locks l
                            WHERE l.locktype = 'advisory'
                              AND l.classid = %(lock_class)s::int4::oid
                              AND l.objid = m.lease_owner::int4::oid
                              AND l.objsubid = 2
                              AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())))
), released AS (
    UPDATE ai_proactive_messages m
       SET lease_owner = NULL, lease_token = NULL, lease_expires_at = NULL, last_error = 'run_died',
           deaths = LEAST(COALESCE(m.deaths, 0) + 1, 100)
      FROM gone
     WHERE m.id = gone.id AND gone.over AND m.lease_token = gone.lease_token
    RETURNING m.id
)
SELECT (SELECT count(*) FROM released)::int AS released,
       COALESCE((SELECT array_agg(DISTINCT gone.lease_owner) FROM gone WHERE NOT gone.over), '{}') AS gone
