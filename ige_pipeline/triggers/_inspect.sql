-- name: selected
-- Whom a trigger selected, for a person to look at.
SELECT d.contractor_id, d.subject_id, d.occurrence, d.reason, d.changed_since
  FROM ige_decisions d
 WHERE d.batch_id = %(batch_id)s
   AND d.decided_on = %(decided_on)s
 ORDER BY d.urgency DESC, d.id

-- name: adopted
-- Until somebody has adopted the old system's work, promised messages are left alone.
SELECT COALESCE((SELECT value ->> 'state' = 'done' FROM ige_switches WHERE name = 'adoption'), false) AS adopted
