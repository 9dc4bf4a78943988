-- name: unread_numbers
-- The stored numbers of these contractors that this release of the library has not read yet. Each is looked up by
-- itself: after a change of the library the planner takes every number for read, or for unread, and would wait hours.
SELECT DISTINCT c.phone AS raw
  FROM contractors c
  LEFT JOIN LATERAL (SELECT p.read_by
                       FROM ige_phones p
                      WHERE p.raw = c.phone AND p.region = %(region)s
                      LIMIT 1) known ON true
 WHERE c.id = ANY (%(contractor_ids)s::bigint[])
   AND length(c.phone) <= 64
   AND known.read_by IS DISTINCT FROM %(read_by)s
 ORDER BY c.phone

-- name: plan_for_all
-- For the rest of this transaction: all numbers are compared, whatever the planner believes there are of them, and none
-- sorted to do so.
SELECT set_config('enable_nestloop', 'off', true), set_config('enable_mergejoin', 'off', true)

-- name: other_unread_numbers
-- What is left to read of all contractors, those first whom we wrote to lately: they may share a number with others.
SELECT c.phone AS raw
  FROM contractors c
  LEFT JOIN ige_phones p ON p.raw = c.phone AND p.region = %(region)s AND p.read_by = %(read_by)s
 WHERE length(c.phone) <= 64
   AND p.raw IS NULL
 GROUP BY c.phone
 ORDER BY bool_or(EXISTS (SELECT
                            FROM ai_proactive_messages m
                           WHERE m.contractor_id = c.id
                             AND m.sent_at > NOW() - interval '720 hours')) DESC, c.phone
 LIMIT %(at_most)s

-- name: all_sharing
-- Every contractor whose number somebody else has too, spelled alike or not. A local number is dialled as stored, so it
-- rings wherever the same digits ring. Most numbers are nobody else's: they are told apart by a hash, which takes a fifth
-- of the time and room of the numbers themselves, and who only looked alike is left out at the end.
WITH shared AS MATERIALIZED (
    SELECT DISTINCT COALESCE(p.e164, p.local_digits) AS dialled
      FROM ige_phones p
     WHERE p.region = %(region)s
       AND num_nonnulls(p.e164, p.local_digits) > 0
       AND (hashtextextended(COALESCE(p.e164, p.local_digits), 0)
            IN (SELECT hashtextextended(COALESCE(alike.e164, alike.local_digits), 0)
                  FROM ige_phones alike
                 WHERE alike.region = %(region)s
                   AND num_nonnulls(alike.e164, alike.local_digits) > 0
                 GROUP BY 1
                HAVING count(*) > 1)
            OR p.raw IN (SELECT c.phone FROM contractors c WHERE length(c.phone) <= 64 GROUP BY c.phone HAVING count(*) > 1))
), sharing AS (
    SELECT c.id, shared.dialled, count(*) OVER (PARTITION BY shared.dialled) AS people
      FROM shared
      JOIN ige_phones p ON COALESCE(p.e164, p.local_digits) = shared.dialled AND p.region = %(region)s
      JOIN contractors c ON c.phone = p.raw AND length(c.phone) <= 64
)
SELECT s.id, dense_rank() OVER (ORDER BY s.dialled)::integer AS number
  FROM sharing s
 WHERE s.people > 1

-- name: sharing_with
-- The same for a few contractors, found by index.
SELECT other.id, dense_rank() OVER (ORDER BY COALESCE(number.e164, number.local_digits))::integer AS number
  FROM (SELECT DISTINCT mine.e164, mine.local_digits
          FROM contractors c
          JOIN ige_phones mine ON mine.raw = c.phone AND mine.region = %(region)s
         WHERE c.id = ANY (%(contractor_ids)s::bigint[])
           AND num_nonnulls(mine.e164, mine.local_digits) > 0) number
 CROSS JOIN LATERAL (SELECT p.raw
                       FROM ige_phones p
                      WHERE p.e164 = number.e164 AND p.region = %(region)s
                      UNION ALL
                     SELECT p.raw
                       FROM ige_phones p
                      WHERE right(p.local_digits, 4) = right(number.local_digits, 4)
                        AND p.local_digits = number.local_digits
                        AND p.region = %(region)s) alike
  JOIN contractors other ON other.phone = alike.raw AND length(other.phone) <= 64

-- name: record_numbers
-- Sorted by the caller, so that two runs that record the same numbers wait for one another and do not deadlock.
INSERT INTO ige_phones (raw, region, verdict, e164, local_digits, zones, state, read_by)
SELECT n.raw, %(region)s, n.verdict, n.e164, n.local_digits, string_to_array(n.zones, ' '), n.state, %(read_by)s
  FROM unnest(%(raw)s::text[], %(verdict)s::text[], %(e164)s::text[], %(local_digits)s::text[], %(zones)s::text[],
              %(state)s::text[]) AS n (raw, verdict, e164, local_digits, zones, state)
    ON CONFLICT (raw, region) DO UPDATE
   SET verdict = EXCLUDED.verdict, e164 = EXCLUDED.e164, local_digits = EXCLUDED.local_digits,
       zones = EXCLUDED.zones, state = EXCLUDED.state, read_by = EXCLUDED.read_by, read_at = now()
