-- name: take_turns
-- Runs that overlap take from the limits one after the other.
SELECT pg_advisory_xact_lock(hashtext('ige_model_spend'))

-- name: taken
-- What this batch and this UTC day have taken so far; a batch may last beyond midnight.
SELECT COALESCE(sum(taken_usd) FILTER (WHERE batch_id = %(batch_id)s), 0) AS by_batch,
       COALESCE(sum(taken_usd) FILTER (WHERE day = (now() AT TIME ZONE 'UTC')::date), 0) AS by_day
  FROM ige_model_spend
 WHERE batch_id = %(batch_id)s
    OR day = (now() AT TIME ZONE 'UTC')::date

-- name: take
-- It counts for the day on which it is taken.
INSERT INTO ige_model_spend (day, batch_id, taken_usd)
VALUES ((now() AT TIME ZONE 'UTC')::date, %(batch_id)s, %(usd)s)
ON CONFLICT (day, batch_id) DO UPDATE
   SET taken_usd = ige_model_spend.taken_usd + EXCLUDED.taken_usd,
       changed_at = now()

-- name: give_back
-- To the last day on which the batch took something: what was taken before midnight is not left over from today.
UPDATE ige_model_spend
   SET taken_usd = taken_usd - %(usd)s,
       changed_at = now()
 WHERE batch_id = %(batch_id)s
   AND day = (SELECT max(day) FROM ige_model_spend WHERE batch_id = %(batch_id)s)
