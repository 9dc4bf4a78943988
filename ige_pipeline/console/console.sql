-- name: stop
-- Whether all sending is stopped, by whom and why: every page says so.
SELECT (value ->> 'on')::boolean AS stopped, reason, changed_by, changed_at
  FROM ige_switches
 WHERE name = 'stop'

-- name: held_batches
-- Batches of the last two days that wait for a person.
SELECT id, opened_at, counts
  FROM ige_batches
 WHERE opened_at > now() - interval '48 hours'
   AND NOT dry_run
   AND approved_at IS NULL
   AND COALESCE((counts ->> 'held')::bigint, 0) > 0
 ORDER BY id DESC
 LIMIT 10
