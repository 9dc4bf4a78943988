-- name: retire_alerts
-- What is over and was long ago.
DELETE FROM ige_alerts WHERE ended_at < now() - make_interval(days => %(keep_days)s::int)

-- name: retire_spend
-- What earlier days' batches took for the model; the batches keep their own sums.
DELETE FROM ige_model_spend WHERE day < (now() AT TIME ZONE 'UTC')::date - %(keep_days)s::int

-- name: forget_replies
-- What somebody wrote; that they wrote, when, and what it meant stays, as the proof of an opt-out, and so does a digest,
-- by which the same text under the same id is known as a repeat. What a person has still to look at is kept.
UPDATE ige_inbound_messages
   SET body_digest = sha256(convert_to(body, 'UTF8')), body = ''
 WHERE received_at < now() - make_interval(days => %(keep_days)s::int) AND body <> ''
   AND (flag IS NULL OR seen_at IS NOT NULL)

-- name: retire_attempts_of_sent
-- Some at a time, the oldest pages first: when and how often what was sent was tried, years ago. That it was sent is in its
-- row. What waits keeps its attempts, however old.
DELETE FROM ige_delivery_attempts
 WHERE id IN (SELECT a.id
                FROM ige_delivery_attempts a
                JOIN ai_proactive_messages m ON m.id = a.message_id AND m.sent_at IS NOT NULL
               WHERE a.ended_at < now() - make_interval(days => %(keep_days)s::int)
               LIMIT %(at_once)s)

-- name: retire_receipts
DELETE FROM ige_receipts WHERE received_at < now() - make_interval(days => %(keep_days)s::int)

-- name: sizes
-- What is kept in all, for the figures.
SELECT (SELECT count(*) FROM ige_batches) AS batches,
       (SELECT GREATEST(sum(c.reltuples), 0)::bigint
          FROM pg_inherits i
          JOIN pg_class c ON c.oid = i.inhrelid
         WHERE i.inhparent = 'ige_decisions'::regclass) AS decisions,
       (SELECT count(*) FROM pg_inherits WHERE inhparent = 'ige_decisions'::regclass) AS ledger_parts,
       (SELECT GREATEST(reltuples, 0)::bigint FROM pg_class WHERE oid = 'ige_delivery_attempts'::regclass) AS attempts,
       pg_database_size(current_database()) AS database_bytes
