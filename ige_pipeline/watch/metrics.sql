-- name: last_batch
-- The newest whole batch: when, and what became of its candidates. One of promised triggers alone comes every few minutes
-- and often finds nothing, rightly.
SELECT EXTRACT(EPOCH FROM closed_at)::float8 AS at, counts
  FROM ige_batches
 WHERE closed_at IS NOT NULL AND NOT dry_run AND NOT triggers <@ %(promised)s::text[]
 ORDER BY id DESC
 LIMIT 1

-- name: outcomes
-- What came of the last day's attempts.
SELECT outcome, count(*) AS attempts
  FROM ige_delivery_attempts
 WHERE ended_at > now() - interval '24 hours'
 GROUP BY outcome
 ORDER BY outcome

-- name: alerts
SELECT count(*) AS open, count(*) FILTER (WHERE told_times < times) AS untold FROM ige_alerts WHERE ended_at IS NULL
