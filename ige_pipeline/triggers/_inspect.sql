-- name: selected
-- Whom a trigger selected, for a person to look at.
SELECT d.contractor_id, d.subject_id, d.occurrence, d.reason, d.changed_since
  FROM ige_decisions d
 WHERE d.batch_id = %(batch_id)s
   AND d.decided_on = %(decided_on)s
 ORDER BY d.urgency DESC, d.id

-- name: last_about
-- The newest message about a row, ours or the old system's, unless it never reached anyone.
SELECT COALESCE(m.sent_at, m.created_at)::timestamptz AS at, m.sent_at IS NULL AS waiting,
       round(EXTRACT(EPOCH FROM now() - COALESCE(m.sent_at, m.created_at)::timestamptz) / 86400, 1) AS days
  FROM ai_proactive_messages m
 WHERE ((m.subject_table = %(subject)s AND m.subject_id = %(subject_id)s)
        OR (m.subject_id IS NULL AND m.contractor_id = %(contractor_id)s
            AND m.context_data ->> %(old_key)s::text = %(subject_id)s::text))
   AND m.dead_at IS NULL AND m.cancelled_at IS NULL AND m.expired_at IS NULL
 ORDER BY 1 DESC
 LIMIT 1
