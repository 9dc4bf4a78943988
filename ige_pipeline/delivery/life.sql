-- name: hold_run
-- A run of Dagster's, by the name that Dagster gives it, from its first op to its last.
SELECT pg_advisory_lock_shared(%(run_class)s::int4, hashtext(%(run_id)s::text))

-- name: notice_our_death
-- A server that waits for a lock, or works, on behalf of a run that was killed would hold that run's number for as long:
-- let it look every two seconds whether anybody is still there (Postgres 14 and later, and not on Windows). Of a machine
-- that lost its power, or its network, nobody says goodbye: the server asks after ten seconds of silence, and gives up
-- fifteen later. Without that it would after two hours.
SELECT set_config(asked.name, asked.value, false)
  FROM (VALUES ('client_connection_check_interval', '2s'), ('tcp_keepalives_idle', '10'),
               ('tcp_keepalives_interval', '5'), ('tcp_keepalives_count', '3'), ('tcp_user_timeout', '25s'))
       AS asked (name, value)
  JOIN pg_settings known ON known.name = asked.name
 WHERE version() !~* 'visual c|mingw|windows'

-- name: run_lives
-- Whether any connection of that run is still there.
SELECT EXISTS (SELECT 1
                 FROM pg_locks l
                WHERE l.locktype = 'advisory'
                  AND l.classid = %(run_class)s::int4::oid
                  AND l.objid = hashtext(%(run_id)s::text)::oid
                  AND l.objsubid = 2
                  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())) AS lives
