-- name: batch_of_run
-- The batch that a run opened.
SELECT id FROM ige_batches WHERE root_run_id = %(root_run_id)s

-- name: settled
-- Grows by one for each message that was settled.
SELECT count(*) AS settled FROM ige_delivery_attempts
