-- name: by_trigger
-- What became of each trigger's candidates.
SELECT trigger_name AS trigger, COALESCE(verdict, 'undecided') AS verdict, count(*) AS decisions
  FROM ige_decisions
 WHERE batch_id = %(batch_id)s
   AND decided_on = %(decided_on)s
 GROUP BY 1, 2
 ORDER BY 1, 2

-- name: by_reason
-- Why not: each reason counted once for a decision.
SELECT given ->> 'reason' AS reason, count(*) AS decisions
  FROM ige_decisions d
 CROSS JOIN LATERAL (SELECT DISTINCT ON (each ->> 'reason') each AS given
                       FROM jsonb_array_elements(d.reasons) AS each) AS one
 WHERE d.batch_id = %(batch_id)s
   AND d.decided_on = %(decided_on)s
   AND d.verdict <> 'scheduled'
 GROUP BY 1
 ORDER BY 2 DESC, 1

-- name: last_batches
-- How many were scheduled in each of the last two days' batches, the oldest first.
SELECT scheduled
  FROM (SELECT id, COALESCE((counts ->> 'scheduled')::bigint, 0) AS scheduled
          FROM ige_batches
         WHERE id <= %(batch_id)s AND NOT dry_run AND closed_at IS NOT NULL
         ORDER BY id DESC
         LIMIT 48) AS newest
 ORDER BY id

-- name: hours
-- What has become of the messages of these hours' batches, whichever runs delivered them, and how long they took from
-- when they could leave first.
SELECT b.batch_hour,
       count(*) FILTER (WHERE m.sent_at IS NOT NULL) AS sent,
       count(*) FILTER (WHERE m.dead_at IS NOT NULL) AS dead,
       count(*) FILTER (WHERE m.expired_at IS NOT NULL) AS expired,
       count(*) FILTER (WHERE m.cancelled_at IS NOT NULL) AS cancelled,
       count(*) FILTER (WHERE num_nonnulls(m.sent_at, m.dead_at, m.expired_at, m.cancelled_at) = 0) AS waiting,
       COALESCE(percentile_cont(0.5) WITHIN GROUP (ORDER BY waited.seconds), 0)::float8 AS p50_seconds,
       COALESCE(percentile_cont(0.95) WITHIN GROUP (ORDER BY waited.seconds), 0)::float8 AS p95_seconds
  FROM ige_batches b
  JOIN ige_decisions d ON d.batch_id = b.id AND d.message_id IS NOT NULL
  JOIN ai_proactive_messages m ON m.id = d.message_id
 CROSS JOIN LATERAL (SELECT EXTRACT(EPOCH FROM m.sent_at::timestamptz
                                    - GREATEST(m.created_at::timestamptz, m.not_before)) AS seconds) AS waited
 WHERE b.batch_hour = ANY (%(hours)s::timestamptz[])
 GROUP BY b.batch_hour
