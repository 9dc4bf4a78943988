-- name: lies_ahead
-- The database owns the clock; a minute is for clocks that differ.
SELECT %(as_of)s::timestamptz > now() + interval '1 minute' AS lies_ahead

-- name: open_batch
-- Re-execution from failure has the same root run and so finds the batch it began.
INSERT INTO ige_batches (root_run_id, partition_key, batch_hour, as_of, triggers, dry_run, settings)
SELECT %(root_run_id)s, %(partition_key)s, date_trunc('hour', moment, 'UTC'), moment, %(triggers)s, %(dry_run)s,
       %(settings)s
  FROM (SELECT COALESCE(%(as_of)s::timestamptz, now()) AS moment) AS asked
ON CONFLICT (root_run_id) DO NOTHING

-- name: find_batch
-- Decisions lie under the day the batch was opened, not under its as-of: a backfill of last year is today's work.
SELECT id, root_run_id, partition_key, batch_hour, as_of, triggers, dry_run,
       (opened_at AT TIME ZONE 'UTC')::date AS decided_on
  FROM ige_batches
 WHERE root_run_id = %(root_run_id)s

-- name: prepare_decisions
-- The day's partition of the ledger must exist before its first row.
SELECT ige_prepare_decisions(%(decided_on)s::date)

-- name: retire_decisions
-- The oldest day that is over the limit; what led to a message stays.
SELECT ige_retire_decisions((now() AT TIME ZONE 'UTC')::date - %(keep_days)s::int) AS days

-- name: retire_kept
-- Decisions whose day is gone and whose message is, too.
DELETE FROM ige_decisions d
 WHERE d.decided_on < (now() AT TIME ZONE 'UTC')::date - %(keep_days)s::int
   AND d.message_id IS NOT NULL
   AND NOT EXISTS (SELECT 1 FROM ai_proactive_messages m WHERE m.id = d.message_id)

-- name: retire_attempts
-- Of messages that never left, and of such as are gone: what was sent keeps its history as long as it is there.
DELETE FROM ige_delivery_attempts a
 WHERE a.ended_at < ((now() AT TIME ZONE 'UTC')::date - %(keep_days)s::int)::timestamp AT TIME ZONE 'UTC'
   AND NOT EXISTS (SELECT 1
                     FROM ai_proactive_messages m
                    WHERE m.id = a.message_id
                      AND (m.sent_at IS NOT NULL OR num_nonnulls(m.dead_at, m.cancelled_at, m.expired_at) = 0))

-- name: retire_batches
-- Those of which no decision is left.
DELETE FROM ige_batches b
 WHERE b.opened_at < ((now() AT TIME ZONE 'UTC')::date - %(keep_days)s::int)::timestamp AT TIME ZONE 'UTC'
   AND NOT EXISTS (SELECT 1 FROM ige_decisions d WHERE d.batch_id = b.id)
   AND NOT EXISTS (SELECT 1 FROM ige_batch_candidates c WHERE c.batch_id = b.id)
   AND NOT EXISTS (SELECT 1 FROM ige_candidates c WHERE c.batch_id = b.id)

-- name: close_left_behind
-- Candidates of a batch that ended before the safeguards were asked, and that nobody took up again for a day: that they
-- heard nothing is explained, too.
WITH ours AS (
    DELETE FROM ige_batch_candidates WHERE created_at < now() - interval '24 hours' RETURNING *
), of_older_code AS (
    DELETE FROM ige_candidates WHERE created_at < now() - interval '24 hours' RETURNING *
), left_behind AS (
    SELECT * FROM ours UNION ALL SELECT * FROM of_older_code
)
INSERT INTO ige_decisions (id, decided_on, batch_id, contractor_id, trigger_name, message_type, priority, urgency,
                           subject_table, subject_id, occurrence, dedupe_key, reason, facts, changed_since, dry_run,
                           created_at, reasons, verdict, decided_at)
SELECT c.id, c.decided_on, c.batch_id, c.contractor_id, c.trigger_name, c.message_type, c.priority, c.urgency,
       c.subject_table, c.subject_id, c.occurrence, c.dedupe_key, c.reason, c.facts, c.changed_since, c.dry_run,
       c.created_at,
       jsonb_build_array(jsonb_build_object('reason', 'unevaluated', 'observed', 'the batch ended before it was asked',
                                            'limit', 'an answer')),
       'failed', now()
  FROM left_behind c
ON CONFLICT (batch_id, dedupe_key, decided_on) DO NOTHING

-- name: unfinished
-- Batches whose run ended a day ago before its last stage, and that nobody took up again. None is waited for longer.
SELECT id AS batch_id, (opened_at AT TIME ZONE 'UTC')::date AS decided_on
  FROM ige_batches
 WHERE closed_at IS NULL
   AND counts = '{}'
   AND opened_at BETWEEN now() - interval '8 days' AND now() - interval '24 hours'

-- name: fail_undecided
-- What such a batch had asked the safeguards about, and what it would have written: that nothing came of it is explained.
UPDATE ige_decisions
   SET verdict = 'failed',
       decided_at = now(),
       reasons = reasons || jsonb_build_array(jsonb_build_object(
           'reason', 'unevaluated', 'limit', 'an answer', 'observed', CASE
               WHEN screened_at IS NULL THEN 'the batch ended before it was asked'
               WHEN draft IS NULL THEN 'the batch ended before its text was written'
               WHEN reviewed_at IS NULL THEN 'the batch ended before its text was checked'
               ELSE 'the batch ended before it was scheduled' END))
 WHERE batch_id = %(batch_id)s
   AND decided_on = %(decided_on)s
   AND verdict IS NULL

-- name: count_unfinished
-- Its counts, so that it is looked at once. It stays open: it never came to its end, which is told of its hour.
UPDATE ige_batches
   SET counts = (SELECT COALESCE(jsonb_object_agg(verdict, n), '{}')
                   FROM (SELECT verdict, count(*) AS n
                           FROM ige_decisions
                          WHERE batch_id = %(batch_id)s
                            AND decided_on = %(decided_on)s
                          GROUP BY verdict) AS by_verdict)
 WHERE id = %(batch_id)s

-- name: recount
-- What became of some of their decisions since they ended. One that never ended is counted by who finds that out.
UPDATE ige_batches b
   SET counts = (SELECT COALESCE(jsonb_object_agg(verdict, n), '{}')
                   FROM (SELECT COALESCE(d.verdict, 'undecided') AS verdict, count(*) AS n
                           FROM ige_decisions d
                          WHERE d.batch_id = b.id
                            AND d.decided_on = (b.opened_at AT TIME ZONE 'UTC')::date
                          GROUP BY 1) AS by_verdict)
 WHERE b.id = ANY (%(batch_ids)s::bigint[])
   AND b.closed_at IS NOT NULL

-- name: close_batch
-- Counted from the decisions themselves, so that a repeated op cannot count twice.
UPDATE ige_batches b
   SET closed_at = now(),
       counts = counted.counts,
       tokens_in = counted.tokens_in,
       tokens_out = counted.tokens_out,
       cost_usd = counted.cost_usd
  FROM (SELECT COALESCE(jsonb_object_agg(verdict, n), '{}') AS counts,
               COALESCE(sum(tokens_in), 0) AS tokens_in,
               COALESCE(sum(tokens_out), 0) AS tokens_out,
               COALESCE(sum(cost_usd), 0) AS cost_usd
          FROM (SELECT COALESCE(verdict, 'undecided') AS verdict,
                       count(*) AS n,
                       sum((generation ->> 'tokens_in')::bigint) AS tokens_in,
                       sum((generation ->> 'tokens_out')::bigint) AS tokens_out,
                       sum((generation ->> 'cost_usd')::numeric) AS cost_usd
                  FROM ige_decisions
                 WHERE batch_id = %(batch_id)s
                   AND decided_on = %(decided_on)s
                 GROUP BY verdict) AS by_verdict) AS counted
 WHERE b.id = %(batch_id)s
RETURNING b.counts, b.tokens_in, b.tokens_out, b.cost_usd, b.opened_at, b.closed_at,
          (SELECT COALESCE(jsonb_object_agg(each.trigger_name, each.n), '{}')
             FROM (SELECT trigger_name, count(*) AS n
                     FROM ige_decisions
                    WHERE batch_id = %(batch_id)s
                      AND decided_on = %(decided_on)s
                    GROUP BY trigger_name) AS each) AS by_trigger

-- name: retired
-- Whether somebody has gone back to the old system, and why.
SELECT reason FROM ige_switches WHERE name = 'retired' AND (value ->> 'on')::boolean

-- name: take_whole_batch
-- Held by the connection, and let go of when that ends, however it ends.
SELECT pg_advisory_lock(hashtext('ige_batch'), (%(batch_id)s::bigint %% 2147483647)::integer)

-- name: leave_whole_batch
SELECT pg_advisory_unlock(hashtext('ige_batch'), (%(batch_id)s::bigint %% 2147483647)::integer)

-- name: take_shard
-- Beside the other shards, and not while a run is at work on the whole batch. Both are let go of as the whole is.
SELECT pg_advisory_lock_shared(hashtext('ige_batch'), (%(batch_id)s::bigint %% 2147483647)::integer),
       pg_advisory_lock(hashtext('ige_shard'), hashtext(concat_ws(':', %(batch_id)s::bigint, %(shard)s::text)))

-- name: leave_shard
SELECT pg_advisory_unlock_shared(hashtext('ige_batch'), (%(batch_id)s::bigint %% 2147483647)::integer),
       pg_advisory_unlock(hashtext('ige_shard'), hashtext(concat_ws(':', %(batch_id)s::bigint, %(shard)s::text)))
