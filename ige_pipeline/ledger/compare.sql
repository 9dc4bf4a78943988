-- name: compare
-- What two batches decided differently about the same candidate.
SELECT COALESCE(a.contractor_id, b.contractor_id) AS contractor_id,
       COALESCE(a.trigger_name, b.trigger_name) AS trigger_name,
       COALESCE(a.verdict, 'no candidate') AS now,
       COALESCE(b.verdict, 'no candidate') AS then,
       COALESCE(b.reasons, '[]') AS reasons
  FROM (SELECT * FROM ige_decisions WHERE batch_id = %(one)s AND decided_on = %(decided_on)s) AS a
  FULL JOIN (SELECT * FROM ige_decisions WHERE batch_id = %(other)s AND decided_on = %(decided_on)s) AS b
    ON b.dedupe_key = a.dedupe_key
 WHERE a.verdict IS DISTINCT FROM b.verdict
 ORDER BY 3, 4, 1

-- name: batches
-- The newest batches first.
SELECT id, batch_hour, as_of, opened_at, closed_at, dry_run, counts, approved_by
  FROM ige_batches
 ORDER BY id DESC
 LIMIT %(limit)s

-- name: root_run_of
-- How a batch is found again.
SELECT root_run_id FROM ige_batches WHERE id = %(batch_id)s

-- name: held
-- What a held batch would send, for the person who must approve it.
SELECT trigger_name, message_type, count(*) AS messages, min(draft) AS example
  FROM ige_decisions
 WHERE batch_id = %(batch_id)s
   AND decided_on = %(decided_on)s
   AND verdict = 'held'
   AND reasons @> '[{"reason": "blast_radius"}]'
 GROUP BY 1, 2
 ORDER BY 3 DESC
