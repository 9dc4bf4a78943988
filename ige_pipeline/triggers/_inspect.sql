-- name: selected
-- Whom a trigger selected, for a person to look at.
SELECT d.contractor_id, d.subject_id, d.occurrence, d.reason, d.changed_since
  FROM ige_decisions d
 WHERE d.batch_id = %(batch_id)s
   AND d.decided_on = %(decided_on)s
 ORDER BY d.urgency DESC, d.id

-- name: last_about
-- The newest message about a row, ours or the old system's, among those that count as written.
SELECT m.at, m.waiting, round(EXTRACT(EPOCH FROM now() - m.at) / 86400, 1) AS days
  FROM (SELECT m.*, num_nonnulls(m.sent_at, m.cancelled_at, m.dead_at) = 0 AS waiting,
               COALESCE(m.sent_at::timestamptz, m.cancelled_at, m.dead_at, m.created_at::timestamptz) AS at
          FROM ai_proactive_messages m) AS m
 WHERE ((m.subject_table = %(subject)s AND m.subject_id = %(subject_id)s)
        OR (m.subject_id IS NULL AND m.contractor_id = %(contractor_id)s
            AND m.context_data ->> %(old_key)s::text = %(subject_id)s::text))
   AND m.expired_at IS NULL
   AND ige_counts_as_written(m.cancelled_at, m.cancel_reason, m.dead_at, m.dead_reason)
 ORDER BY m.waiting DESC, m.at DESC
 LIMIT 1
