-- name: place
-- A server made anew has another identifier, a database made anew another number: what was restored is somewhere else.
SELECT c.system_identifier::text || '/' || d.oid::text AS place
  FROM pg_control_system() c
 CROSS JOIN pg_database d
 WHERE d.datname = current_database()

-- name: timeline
-- A server that was recovered to an earlier moment keeps its identifier and begins another timeline. Taken from where the
-- log is written now: the last checkpoint may be of the time before. A replica that only reads writes none.
SELECT CASE WHEN NOT pg_is_in_recovery() THEN left(pg_walfile_name(pg_current_wal_lsn()), 8) END AS timeline

-- name: home
-- Where `ige migrate` first saw this database.
SELECT jsonb_strip_nulls(value) AS home FROM ige_switches WHERE name = 'home'

-- name: settle_in
-- Once: a copy brings the row of its original along. What was not known then is added.
INSERT INTO ige_switches (name, value, reason, changed_by)
VALUES ('home', %(here)s, 'first seen here', %(who)s)
ON CONFLICT (name) DO UPDATE
   SET value = EXCLUDED.value || ige_switches.value
 WHERE NOT ige_switches.value @> (EXCLUDED.value || ige_switches.value)

-- name: move_in
-- A person said that this is the one now.
INSERT INTO ige_switches (name, value, reason, changed_by)
VALUES ('home', %(here)s, %(reason)s, %(who)s)
ON CONFLICT (name) DO UPDATE
   SET value = EXCLUDED.value, reason = EXCLUDED.reason, changed_by = EXCLUDED.changed_by, changed_at = now()
