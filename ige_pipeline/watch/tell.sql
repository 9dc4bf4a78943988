-- name: take_turn
-- One machine at a time tells; another tries again in a minute.
SELECT pg_try_advisory_lock(hashtext('ige_alerts')) AS ours

-- name: leave_turn
SELECT pg_advisory_unlock(hashtext('ige_alerts'))

-- name: to_tell
-- What nobody was told yet, happened again since, or is over; unless somebody was told of anything a short while ago.
SELECT a.id, a.kind, a.about, a.sentence, a.at, a.times, a.times - a.told_times AS unseen, a.ended_at
  FROM ige_alerts a
 WHERE (a.told_times < a.times OR (a.ended_at IS NOT NULL AND a.end_told_at IS NULL))
   AND NOT EXISTS (SELECT 1
                     FROM ige_alerts told
                    WHERE GREATEST(told.told_at, told.end_told_at) > now() - make_interval(mins => %(alert_minutes)s::int))
 ORDER BY a.id
 LIMIT 50

-- name: told
-- Only so many times as were told: what happened meanwhile is told with the next.
UPDATE ige_alerts a
   SET told_at = now(), told_times = told.times, end_told_at = CASE WHEN told.ended THEN now() END
  FROM unnest(%(ids)s::bigint[], %(times)s::int[], %(ended)s::boolean[]) AS told (id, times, ended)
 WHERE a.id = told.id

-- name: failed_runs
-- Alerts that a job's next success ends.
SELECT about, max(last_at) AS last_at FROM ige_alerts WHERE kind = 'run_failed' AND ended_at IS NULL GROUP BY about
