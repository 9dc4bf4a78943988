-- name: due_messages
-- What a delivery run could post this moment, in a few words that change when it does: also when somebody lifted a stop,
-- and when an endpoint that was wrong or failing may be tried again or was resumed. One look at the partial index.
SELECT count(*) AS due, md5(concat(string_agg(due.id || ':' || due.attempts, ',' ORDER BY due.id), ' ',
                                   (SELECT s.changed_at FROM ige_switches s WHERE s.name = 'stop'), ' ',
                                   (SELECT string_agg(k.endpoint || COALESCE(k.probe_at::text, k.version::text), ','
                                                      ORDER BY k.endpoint)
                                      FROM ige_circuits k
                                     WHERE k.state = 'closed' OR k.probe_at <= now()))) AS fingerprint,
       now() AS asked_at,
       (SELECT s.reason FROM ige_switches s WHERE s.name = 'stop' AND (s.value ->> 'on')::boolean) AS stopped_because
  FROM ((SELECT m.id, m.attempts
           FROM ai_proactive_messages m
          WHERE m.sent_at IS NULL AND m.dead_at IS NULL AND m.cancelled_at IS NULL AND m.expired_at IS NULL
            AND m.lease_token IS NULL
            AND COALESCE(GREATEST(m.not_before, m.next_attempt_at), '-infinity') <= now()
            AND (m.trigger_name IS NOT NULL
                 OR (SELECT value ->> 'state' = 'done' FROM ige_switches WHERE name = 'adoption'))
            AND NOT COALESCE((SELECT (value ->> 'on')::boolean FROM ige_switches WHERE name = 'stop'), false)
          ORDER BY m.priority - date_part('epoch', COALESCE(m.created_at, m.updated_at)) / 3600 DESC NULLS LAST,
                   COALESCE(GREATEST(m.not_before, m.next_attempt_at), '-infinity'), m.id
          LIMIT %(at_most)s)
        UNION ALL
        -- What a dead run left behind, as `release_orphans` sees it: its lock is free, or its lease is over.
        (SELECT m.id, m.attempts
           FROM ai_proactive_messages m
          WHERE m.lease_token IS NOT NULL
            AND (m.lease_expires_at < now()
                 OR NOT EXISTS (SELECT 1
                                  FROM pg_locks l
                                 WHERE l.locktype = 'advisory'
                                   AND l.classid = %(lock_class)s::int4::oid
                                   AND l.objid = m.lease_owner::int4::oid
                                   AND l.objsubid = 2
                                   AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())))
            AND NOT COALESCE((SELECT (value ->> 'on')::boolean FROM ige_switches WHERE name = 'stop'), false)
         LIMIT 100)) AS due

-- name: due_promises
-- Follow-ups and event messages whose time has come and about which something can be done now: no message waits or was
-- sent or died, and no decision asked to be left alone until later (an hour where it did not say until when).
SELECT count(*) AS due, md5(string_agg(due.name || ':' || due.id || ':' || due.looks, ',' ORDER BY due.name, due.id))
       AS fingerprint, now() AS asked_at
  FROM (SELECT p.name, p.id, (SELECT count(*)
                               FROM ige_decisions d
                              WHERE d.promised AND NOT d.dry_run AND d.dedupe_key = p.dedupe_key) AS looks
          FROM (SELECT 'follow_up_due' AS name, f.id,
                       concat_ws(':', 'follow_up_due', 'contractor_followup_schedules', f.id::text,
                                 to_char(f.scheduled_time, 'YYYY-MM-DD"T"HH24:MI:SS')) AS dedupe_key
                  FROM contractor_followup_schedules f
                 WHERE f.status = 'scheduled' AND f.scheduled_time <= now() AND isfinite(f.scheduled_time)
                   AND f.contractor_id IS NOT NULL
                UNION ALL
                SELECT 'event_message_due', e.id, concat_ws(':', 'event_message_due', 'event_messages', e.id::text,
                                 to_char(e.scheduled_time, 'YYYY-MM-DD"T"HH24:MI:SS'))
                  FROM event_messages e
                 WHERE e.status = 'scheduled' AND e.scheduled_time <= now() AND isfinite(e.scheduled_time)
                   AND e.contractor_id IS NOT NULL
                   AND e.channel = 'sms' AND COALESCE(e.direction, 'outbound') = 'outbound') AS p
         WHERE (SELECT value ->> 'state' = 'done' FROM ige_switches WHERE name = 'adoption')
           AND NOT EXISTS (SELECT 1
                             FROM ai_proactive_messages m
                            WHERE m.dedupe_key = p.dedupe_key
                              AND m.dead_at IS NULL AND m.cancelled_at IS NULL AND m.expired_at IS NULL)
           AND NOT EXISTS (SELECT 1
                             FROM ai_proactive_messages m
                            WHERE m.dedupe_key = p.dedupe_key
                              AND (m.cancelled_at IS NOT NULL OR m.dead_at IS NOT NULL)
                              AND ige_counts_as_written(m.cancelled_at, m.cancel_reason, NULL, NULL))
           AND NOT EXISTS (SELECT 1
                             FROM ige_decisions d
                            WHERE d.dedupe_key = p.dedupe_key
                              AND d.promised
                              AND NOT d.dry_run
                              AND COALESCE(d.retry_at, d.decided_at + interval '1 hour',
                                           d.created_at + interval '10 minutes') > now())
         LIMIT 100) AS due
