-- name: clock
-- The database's now, and how far ahead of it the application last wrote: NOW() in a session with another time zone.
SELECT now() AS now, current_setting('TimeZone') AS zone,
       COALESCE(wrote.last > NOW()::timestamp + interval '5 minutes', false) AS ahead,
       COALESCE(EXTRACT(EPOCH FROM wrote.last - NOW()::timestamp) / 60, 0)::float8 AS ahead_minutes
  FROM (SELECT max(m.created_at) AS last
          FROM (SELECT created_at FROM ai_proactive_messages ORDER BY id DESC LIMIT 50) AS m
         WHERE isfinite(m.created_at)) AS wrote

-- name: untold
SELECT count(*) AS alerts
  FROM ige_alerts
 WHERE ended_at IS NULL AND told_at IS NULL AND at < now() - interval '1 hour'
