-- name: selected
-- Whom a trigger selected, for a person to look at; what was promised is in the ledger already.
SELECT found.contractor_id, found.subject_id, found.occurrence, found.reason, found.changed_since
  FROM (SELECT c.id, c.contractor_id, c.subject_id, c.occurrence, c.reason, c.changed_since, c.urgency
          FROM ige_batch_candidates c
         WHERE c.batch_id = %(batch_id)s
         UNION ALL
        SELECT d.id, d.contractor_id, d.subject_id, d.occurrence, d.reason, d.changed_since, d.urgency
          FROM ige_decisions d
         WHERE d.batch_id = %(batch_id)s
           AND d.decided_on = %(decided_on)s) AS found
 ORDER BY found.urgency DESC, found.id

-- name: adopted
-- Until somebody has adopted the old system's work, promised messages are left alone.
SELECT COALESCE((SELECT value ->> 'state' = 'done' FROM ige_switches WHERE name = 'adoption'), false) AS adopted
