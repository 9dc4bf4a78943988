-- name: moment
-- The database owns the clock.
SELECT now() AS now, (SELECT value ->> 'state' = 'done' FROM ige_switches WHERE name = 'adoption') AS adopted

-- name: firing
-- The rows of one contractor that a batch would take, by the very statement that takes them.
SELECT due.subject_id, due.place
  FROM ({due}) AS due
 WHERE due.contractor_id = %(contractor_id)s

-- name: firing_promised
-- The same of a promised trigger, with what a batch would close at once: what is done already, and what is too late.
SELECT due.subject_id, 1 AS place,
       COALESCE((due.facts ->> 'item_completed')::boolean, false) AS done,
       CASE WHEN due.due_at <= now() - make_interval(secs => %(promised_late_hours)s::float8 * 3600)
            THEN round(EXTRACT(EPOCH FROM now() - due.due_at) / 3600, 1) END AS late
  FROM ({due}) AS due
 WHERE due.contractor_id = %(contractor_id)s

-- name: fitting
-- Those that the trigger's own SELECT names, each with the message that may keep it from firing. Days are cut and not
-- rounded, so that six days and 23 hours do not read as seven.
SELECT candidate.subject_id, last.live AS waits,
       trunc(EXTRACT(EPOCH FROM %(as_of)s::timestamptz - GREATEST('1970-01-01', LEAST('2200-01-01', last.at)))
             / 86400, 1) AS days
  FROM ({selects}) AS candidate
  LEFT JOIN LATERAL ({last_message}) AS last ON true
 WHERE candidate.contractor_id = %(contractor_id)s

-- name: fitting_promised
-- The same for a promised trigger: what became of the message for that very time.
SELECT candidate.subject_id, last.*
  FROM ({selects}) AS candidate
  LEFT JOIN LATERAL (SELECT m.sent_at IS NOT NULL AS was_sent, m.dead_at IS NOT NULL AS died,
                            m.cancelled_at IS NOT NULL AS cancelled
                       FROM ai_proactive_messages m
                      WHERE m.dedupe_key = concat_ws(':', %(trigger)s::text, %(subject)s::text,
                                                     candidate.subject_id::text, candidate.occurrence)
                        AND m.expired_at IS NULL
                      ORDER BY m.cancelled_at IS NULL DESC, m.dead_at IS NULL DESC, m.id DESC
                      LIMIT 1) AS last ON true
 WHERE candidate.contractor_id = %(contractor_id)s
