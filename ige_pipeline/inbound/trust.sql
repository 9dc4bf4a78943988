-- name: hold_trust
-- One change of somebody's trust after the other; those of several people always in the same order.
SELECT pg_advisory_xact_lock(367, id) FROM (SELECT DISTINCT unnest(%(contractor_ids)s::integer[]) AS id ORDER BY 1) each

-- name: record_indicator
-- On top of the newest score. The clock is read after the lock was got, so that the newest is also the last.
INSERT INTO ai_trust_indicators (contractor_id, indicator_type, indicator_description, context_data, confidence_impact,
                                 cumulative_trust_score, recorded_at, created_at, updated_at)
SELECT c.id, %(indicator)s, %(description)s, %(cause)s::jsonb, %(impact)s,
       GREATEST(0, LEAST(100, COALESCE(newest.score, %(trust_without_record)s::integer) + %(impact)s::integer)),
       clock_timestamp()::timestamp, clock_timestamp()::timestamp, clock_timestamp()::timestamp
  FROM contractors c
  LEFT JOIN LATERAL (SELECT t.cumulative_trust_score AS score
                       FROM ai_trust_indicators t
                      WHERE t.contractor_id = c.id
                        AND t.cumulative_trust_score IS NOT NULL
                      ORDER BY t.recorded_at DESC, t.id DESC
                      LIMIT 1) newest ON true
 WHERE c.id = %(contractor_id)s
