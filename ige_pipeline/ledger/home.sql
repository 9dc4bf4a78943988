-- name: here
-- A server made anew has another identifier, a database made anew another number: what was restored is somewhere else.
SELECT c.system_identifier::text || '/' || d.oid::text AS place
  FROM pg_control_system() c
 CROSS JOIN pg_database d
 WHERE d.datname = current_database()

-- name: home
-- Where `ige migrate` first saw this database.
SELECT value ->> 'place' AS place FROM ige_switches WHERE name = 'home'

-- name: settle_in
-- Once: a copy brings the row of its original along.
INSERT INTO ige_switches (name, value, reason, changed_by)
VALUES ('home', jsonb_build_object('place', %(place)s::text), 'first seen here', %(who)s)
ON CONFLICT (name) DO NOTHING

-- name: move_in
-- A person said that this is the one now.
INSERT INTO ige_switches (name, value, reason, changed_by)
VALUES ('home', jsonb_build_object('place', %(place)s::text), %(reason)s, %(who)s)
ON CONFLICT (name) DO UPDATE
   SET value = EXCLUDED.value, reason = EXCLUDED.reason, changed_by = EXCLUDED.changed_by, changed_at = now()
