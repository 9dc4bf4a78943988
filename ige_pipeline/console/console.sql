-- name: stop
-- Whether all sending is stopped, by whom and why: every page says so.
SELECT (value ->> 'on')::boolean AS stopped, reason, changed_by, changed_at
  FROM ige_switches
 WHERE name = 'stop'
