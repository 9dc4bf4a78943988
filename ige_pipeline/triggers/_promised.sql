-- name: record_promised
-- What was promised for a time that has come becomes an undecided row of the ledger.
INSERT INTO ige_decisions (decided_on, batch_id, contractor_id, trigger_name, message_type, source_message_type,
                           promised, priority, urgency, subject_table, subject_id, occurrence, dedupe_key, reason,
                           facts, due_at, dry_run)
SELECT %(decided_on)s, %(batch_id)s, due.contractor_id, %(trigger)s, due.message_type, due.source_message_type,
       true, %(priority)s, COALESCE(due.urgency, 0), %(subject)s, due.subject_id, due.occurrence, due.dedupe_key,
       due.reason, due.facts, due.due_at, %(dry_run)s
  FROM ({due}) AS due
ON CONFLICT (batch_id, dedupe_key, decided_on) DO NOTHING

-- name: due_promised
-- While adoption is pending nothing from before us is touched. One whose message waits or was sent is not promised
-- again; one that died waits for a person, and one that a person cancelled stays cancelled. All of a contractor's are
-- kept: nobody promised the most urgent only.
SELECT due.*, 1 AS place
  FROM (SELECT candidate.*,
               concat_ws(':', %(trigger)s::text, %(subject)s::text, candidate.subject_id::text, candidate.occurrence)
                   AS dedupe_key
          FROM ({selects}) AS candidate) AS due
 WHERE due.contractor_id IS NOT NULL
   AND (SELECT value ->> 'state' = 'done' FROM ige_switches WHERE name = 'adoption')
   AND NOT EXISTS (SELECT 1
                     FROM ai_proactive_messages m
                    WHERE m.dedupe_key = due.dedupe_key
                      AND m.dead_at IS NULL AND m.cancelled_at IS NULL AND m.expired_at IS NULL)
   AND NOT EXISTS (SELECT 1
                     FROM ai_proactive_messages m
                    WHERE m.dedupe_key = due.dedupe_key
                      AND (m.cancelled_at IS NOT NULL OR m.dead_at IS NOT NULL)
                      AND ige_counts_as_written(m.cancelled_at, m.cancel_reason, NULL, NULL))

-- name: close_promises
-- What nobody waits for any more: its time is long past, or the thing it would ask about is done. The safeguards are
-- asked all the same (piece.sql), and put their reasons behind this one: they may be why it came to be late.
UPDATE ige_decisions
   SET decided_at = now(),
       verdict = CASE WHEN (facts ->> 'item_completed')::boolean THEN 'blocked' ELSE 'expired' END,
       reasons = jsonb_build_array(CASE WHEN (facts ->> 'item_completed')::boolean
           THEN jsonb_build_object('reason', 'item_completed', 'observed', 'completed', 'limit', 'still open')
           ELSE jsonb_build_object('reason', 'late', 'limit', %(promised_late_hours)s::float8, 'observed',
                                   round(EXTRACT(EPOCH FROM now() - due_at) / 3600, 1)) END)
 WHERE batch_id = %(batch_id)s
   AND decided_on = %(decided_on)s
   AND promised
   AND verdict IS NULL
   AND screened_at IS NULL
   AND (COALESCE((facts ->> 'item_completed')::boolean, false)
        OR due_at <= now() - make_interval(secs => %(promised_late_hours)s::float8 * 3600))
