-- name: unread_numbers
-- The stored numbers of these contractors that this release of the library has not read yet.
SELECT DISTINCT c.phone AS raw
  FROM contractors c
  LEFT JOIN ige_phones p ON p.raw = c.phone AND p.region = %(region)s AND p.read_by = %(read_by)s
 WHERE c.id = ANY (%(contractor_ids)s::bigint[])
   AND length(c.phone) <= 64
   AND p.raw IS NULL
 ORDER BY c.phone

-- name: record_numbers
-- Sorted by the caller, so that two runs that record the same numbers wait for one another and do not deadlock.
INSERT INTO ige_phones (raw, region, verdict, e164, local_digits, zones, state, read_by)
SELECT n.raw, %(region)s, n.verdict, n.e164, n.local_digits, string_to_array(n.zones, ' '), n.state, %(read_by)s
  FROM unnest(%(raw)s::text[], %(verdict)s::text[], %(e164)s::text[], %(local_digits)s::text[], %(zones)s::text[],
              %(state)s::text[]) AS n (raw, verdict, e164, local_digits, zones, state)
    ON CONFLICT (raw, region) DO UPDATE
   SET verdict = EXCLUDED.verdict, e164 = EXCLUDED.e164, local_digits = EXCLUDED.local_digits,
       zones = EXCLUDED.zones, state = EXCLUDED.state, read_by = EXCLUDED.read_by, read_at = now()
