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

-- name: keep_ledger
-- What the batch before wrote, aside; then the same rows are written again with nothing but the writing to do.
CREATE TEMPORARY TABLE {aside} AS SELECT * FROM ige_decisions

-- name: write_ledger
INSERT INTO ige_decisions SELECT * FROM {aside}

-- name: drop_ledger
DROP TABLE {aside}

-- name: slim_candidates
-- What the safeguards need of a candidate and no more: for deciding without recording.
CREATE UNLOGGED TABLE IF NOT EXISTS {slim} (
    id            bigint GENERATED ALWAYS AS IDENTITY,
    batch_id      bigint NOT NULL,
    contractor_id bigint NOT NULL,
    trigger_name  text NOT NULL,
    message_type  text NOT NULL,
    priority      smallint NOT NULL,
    urgency       double precision NOT NULL,
    subject_id    bigint NOT NULL,
    changed_since boolean NOT NULL,
    dedupe_key    text
)

-- name: no_slim_candidates
TRUNCATE {slim}

-- name: index_slim_candidates
CREATE INDEX IF NOT EXISTS ige_bench_candidates_by_batch ON {slim} (batch_id, contractor_id)

-- name: keep_slim
INSERT INTO {slim} (batch_id, contractor_id, trigger_name, message_type, priority, urgency, subject_id,
                                  changed_since)
SELECT %(batch_id)s, contractor_id, trigger_name, message_type, priority, COALESCE(urgency, 0), subject_id, changed_since
  FROM ({selection}) AS selected

-- name: free
-- Those who won without being looked at, and of the others those who nothing was found against.
SELECT p.contractor_id, p.trigger_name, c.subject_id
  FROM {piece} p
  JOIN {slim} c ON c.id = p.id
 WHERE (p.sure AND p.won_id = p.id AND p.verdict IS NULL)
    OR p.id = ANY (%(free_ids)s::bigint[])
