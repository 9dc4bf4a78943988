-- name: plain
-- Of messages that are about to be sent those against which certainly nothing speaks but the hour, by the place that says
-- of the hour. A sieve and no second law: a test holds it to the safeguards (recipient.py), and who is not found here is
-- asked about by them. Whatever is unknown is not found. Gaps and pauses are taken a second too long.
SELECT COALESCE(c.timezone, '') AS timezone, COALESCE(array_to_string(p.zones, ' '), '') AS phone_zones,
       COALESCE(p.state, '') AS phone_state, now() AS asked_at, array_agg(m.id) AS message_ids
  FROM unnest(%(message_ids)s::bigint[], %(contractor_ids)s::bigint[]) AS going (id, contractor_id)
  JOIN ai_proactive_messages m ON m.id = going.id AND m.confirms_opt_out IS NULL
  JOIN contractors c ON c.id = going.contractor_id AND c.ai_proactive_paused IS NOT TRUE AND length(c.phone) <= 64
  JOIN ige_phones p ON p.raw = c.phone AND p.region = %(region)s AND p.read_by = %(read_by)s
   AND p.verdict = 'possible' AND p.local_digits IS NULL
 CROSS JOIN LATERAL (SELECT count(*) FILTER (WHERE s.sent_at > NOW() - interval '168 hours') AS week, count(*) AS month,
                            max(s.sent_at) AS last
                       FROM ai_proactive_messages s
                      WHERE s.contractor_id = c.id AND s.sent_at > NOW() - interval '720 hours') sent
 WHERE p.e164 IS NOT NULL
   -- A number that somebody else has too is counted together.
   AND NOT EXISTS (SELECT
                     FROM ige_phones alike
                     JOIN contractors other ON other.phone = alike.raw AND length(other.phone) <= 64
                    WHERE alike.e164 = p.e164 AND alike.region = %(region)s AND other.id <> c.id)
   AND NOT EXISTS (SELECT FROM ige_suppressions o WHERE o.phone_e164 = p.e164 AND o.lifted_at IS NULL)
   AND NOT EXISTS (SELECT FROM ige_consents k WHERE k.phone_e164 = p.e164 AND k.revoked_at IS NOT NULL)
   AND (%(consent_not_needed)s::boolean
        OR EXISTS (SELECT FROM ige_consents k WHERE k.phone_e164 = p.e164 AND k.given_at <= now()))
   AND NOT EXISTS (SELECT
                     FROM ai_proactive_messages w
                    WHERE w.contractor_id = c.id AND w.lease_token IS NOT NULL AND w.id <> m.id)
   -- The second also holds for what a state's law may allow once in 24 hours.
   AND %(widest_gap_seconds)s::float8 < 720 * 3600 - 1
   AND (sent.last IS NULL
        OR sent.last < NOW() - make_interval(secs => GREATEST(86400, %(widest_gap_seconds)s::float8) + 1))
   AND (sent.week < %(cap_per_week)s::bigint OR %(cap_per_week)s::bigint = 0)
   AND (sent.week < %(cap_per_type_per_week)s::bigint OR %(cap_per_type_per_week)s::bigint = 0)
   AND (sent.month < %(cap_per_30_days)s::bigint OR %(cap_per_30_days)s::bigint = 0)
   AND %(ignored_in_a_row)s::bigint > 0
   AND %(ignored_pause_days)s::float8 < 30
   AND CASE WHEN sent.last IS NULL OR sent.last < NOW() - make_interval(secs => %(ignored_pause_days)s::float8 * 86400 + 1)
            THEN true
            ELSE (SELECT count(*)
                    FROM ai_proactive_messages u
                   WHERE u.contractor_id = c.id
                     AND u.sent_at IS NOT NULL
                     AND u.source_message_type IS NULL
                     AND u.contractor_response IS NULL
                     AND u.response_received_at IS NULL
                     AND u.sent_at >= (SELECT min(newest.sent_at)
                                         FROM (SELECT n.sent_at
                                                 FROM ai_proactive_messages n
                                                WHERE n.contractor_id = c.id
                                                  AND n.sent_at IS NOT NULL
                                                  AND n.source_message_type IS NULL
                                                ORDER BY n.sent_at DESC
                                                LIMIT %(ignored_in_a_row)s) newest)) < %(ignored_in_a_row)s::bigint END
   -- Of what has no time the safeguards know what it means.
   AND NOT EXISTS (SELECT FROM ai_trust_indicators t WHERE t.contractor_id = c.id AND t.recorded_at IS NULL)
   AND COALESCE((SELECT t.cumulative_trust_score
                   FROM ai_trust_indicators t
                  WHERE t.contractor_id = c.id AND t.cumulative_trust_score IS NOT NULL
                  ORDER BY t.recorded_at DESC, t.id DESC
                  LIMIT 1), %(trust_without_record)s::integer) >= %(min_trust_score)s::integer
   AND (SELECT count(*)
          FROM ai_trust_indicators t
         WHERE t.contractor_id = c.id
           AND t.indicator_type IN ('negative_feedback', 'ignored_suggestion')
           AND t.recorded_at > NOW() - make_interval(secs => %(complaints_days)s::float8 * 86400)
       ) < %(complaints_at_most)s::bigint
 GROUP BY c.timezone, p.zones, p.state
