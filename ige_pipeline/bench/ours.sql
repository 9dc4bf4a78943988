-- name: winners
-- Whom a batch would write to: what nothing stopped.
SELECT contractor_id, trigger_name, subject_id
  FROM ige_decisions
 WHERE batch_id = %(batch_id)s
   AND decided_on = %(decided_on)s
   AND verdict IS NULL

-- name: candidates
-- How many there were.
SELECT count(*) AS candidates
  FROM ige_decisions
 WHERE batch_id = %(batch_id)s
   AND decided_on = %(decided_on)s
