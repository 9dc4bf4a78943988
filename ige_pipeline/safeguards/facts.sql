-- name: recipient_facts
-- What the safeguards need to know of each contractor, as of the database's now: one row for each id asked for.
-- At scheduling, everything sent or still to be sent counts. At sending (`sending`), of the other messages only those
-- that were sent or are leased count, so that two waiting messages do not block one another for ever. Times that no
-- calendar has (infinity, year 9999) are brought into reach: one such row must not end the batch.
-- A text reaches a number: contractors who share one share what was sent to it. The number itself stays here.
WITH asked AS (
    SELECT wanted.id, c.id IS NOT NULL AS known, c.timezone, p.e164, p.local_digits, p.zones, p.state,
           COALESCE(p.e164, wanted.id::text, '') AS reached_by,
           CASE WHEN c.phone IS NULL THEN 'none'
                WHEN length(c.phone) > 64 THEN 'impossible'
                ELSE p.verdict END AS phone_verdict,
           COALESCE(c.ai_proactive_paused, false) AS paused,
           CASE WHEN c.ai_pause_until BETWEEN '1970-01-01' AND '2200-01-01' THEN c.ai_pause_until::timestamptz END
               AS paused_until
      FROM unnest(%(contractor_ids)s::bigint[]) AS wanted (id)
      LEFT JOIN contractors c ON c.id = wanted.id
      LEFT JOIN ige_phones p ON p.raw = c.phone AND p.region = %(default_region)s
), reach AS (
    SELECT each.reached_by, array_agg(each.id) AS ids
      FROM (SELECT a.reached_by, a.id
              FROM asked a
             UNION
            SELECT other.e164, c.id
              FROM (SELECT DISTINCT a.e164 FROM asked a WHERE a.e164 IS NOT NULL) number
              JOIN ige_phones other ON other.e164 = number.e164 AND other.region = %(default_region)s
              JOIN contractors c ON c.phone = other.raw AND length(c.phone) <= 64) each
     GROUP BY each.reached_by
), contact AS (
    SELECT reach.reached_by, waiting.id AS waiting_message_id, last.id AS last_message_id, last.sent_at AS last_sent_at,
           COALESCE(month.sent_day, 0) AS sent_day, COALESCE(month.sent_week, 0) AS sent_week,
           COALESCE(month.sent_30_days, 0) AS sent_30_days, month.times AS recent_times, month.types AS recent_types
      FROM reach
      LEFT JOIN LATERAL (SELECT min(m.id) AS id
                           FROM ai_proactive_messages m
                          WHERE m.contractor_id = ANY (reach.ids)
                            AND m.sent_at IS NULL AND m.dead_at IS NULL
                            AND m.cancelled_at IS NULL AND m.expired_at IS NULL
                            AND m.id IS DISTINCT FROM %(message_id)s::bigint
                            AND (NOT %(sending)s OR m.lease_token IS NOT NULL)) waiting ON true
      LEFT JOIN LATERAL (SELECT m.id, GREATEST('1970-01-01', LEAST('2200-01-01', m.sent_at)) AS sent_at
                           FROM unnest(reach.ids) AS reached (id)
                          CROSS JOIN LATERAL (SELECT s.id, s.sent_at
                                                FROM ai_proactive_messages s
                                               WHERE s.contractor_id = reached.id
                                                 AND s.sent_at IS NOT NULL
                                                 AND s.id IS DISTINCT FROM %(message_id)s::bigint
                                               ORDER BY s.sent_at DESC
                                               LIMIT 1) m
                          ORDER BY m.sent_at DESC
                          LIMIT 1) last ON true
      -- The rolling windows: everything of the last 30 days, the newest first.
      LEFT JOIN LATERAL (SELECT count(*) FILTER (WHERE m.sent_at > NOW() - interval '24 hours') AS sent_day,
                                count(*) FILTER (WHERE m.sent_at > NOW() - interval '168 hours') AS sent_week,
                                count(*) AS sent_30_days,
                                array_agg(m.sent_at::timestamptz ORDER BY m.sent_at DESC) AS times,
                                array_agg(m.message_type ORDER BY m.sent_at DESC) AS types
                           FROM (SELECT LEAST('2200-01-01', s.sent_at) AS sent_at, s.message_type
                                   FROM ai_proactive_messages s
                                  WHERE s.contractor_id = ANY (reach.ids)
                                    AND s.sent_at > NOW() - interval '720 hours'
                                    AND s.id IS DISTINCT FROM %(message_id)s::bigint
                                    AND last.sent_at > NOW() - interval '720 hours') m) month ON true
)
SELECT a.id AS contractor_id,
       a.known,
       a.phone_verdict,
       a.timezone,
       array_to_string(a.zones, ' ') AS phone_zones,
       a.state AS phone_state,
       a.paused,
       a.paused_until,
       num_nonnulls(opted_out.phone_e164, alike.phone_e164) > 0 AS suppressed,
       CASE WHEN consent.revoked_at >= consent.given_at
              OR (consent.revoked_at IS NOT NULL AND consent.given_at IS NULL)
              OR withdrawn.id IS NOT NULL THEN 'revoked'
            WHEN consent.given_at IS NOT NULL THEN 'given'
            ELSE 'none' END AS consent,
       contact.waiting_message_id,
       contact.last_message_id,
       contact.last_sent_at::timestamptz AS last_sent_at,
       contact.sent_day,
       contact.sent_week,
       contact.sent_30_days,
       contact.recent_times,
       contact.recent_types,
       recent.sent AS recent_sent,
       recent.unanswered AS recent_unanswered,
       recent.last_sent_at::timestamptz AS recent_last_sent_at,
       trust.score AS trust_score,
       complaints.count AS complaints,
       complaints.times[%(complaints_at_most)s::integer]::timestamptz AS complained_at,
       now() AS asked_at
  FROM asked a
  JOIN contact ON contact.reached_by = a.reached_by
  LEFT JOIN ige_suppressions opted_out ON opted_out.phone_e164 = a.e164 AND opted_out.lifted_at IS NULL
  -- A local number may be any that ends like it: one of those that opted out counts.
  LEFT JOIN LATERAL (SELECT s.phone_e164
                       FROM ige_suppressions s
                      WHERE a.local_digits IS NOT NULL
                        AND right(s.phone_e164, 4) = right(a.local_digits, 4)
                        AND s.phone_e164 LIKE '%%' || a.local_digits
                        AND s.lifted_at IS NULL
                      LIMIT 1) alike ON true
  LEFT JOIN LATERAL (SELECT max(k.given_at) FILTER (WHERE k.given_at <= now()) AS given_at,
                            max(k.revoked_at) AS revoked_at
                       FROM ige_consents k
                      WHERE k.phone_e164 = a.e164) consent ON true
  LEFT JOIN LATERAL (SELECT k.id
                       FROM ige_consents k
                      WHERE a.local_digits IS NOT NULL
                        AND right(k.phone_e164, 4) = right(a.local_digits, 4)
                        AND k.phone_e164 LIKE '%%' || a.local_digits
                        AND k.revoked_at IS NOT NULL
                      LIMIT 1) withdrawn ON true
  LEFT JOIN LATERAL (SELECT count(*) AS sent,
                            count(*) FILTER (WHERE newest.contractor_response IS NULL
                                               AND newest.response_received_at IS NULL) AS unanswered,
                            max(newest.sent_at) AS last_sent_at
                       FROM (SELECT GREATEST('1970-01-01', LEAST('2200-01-01', m.sent_at)) AS sent_at,
                                    m.contractor_response, m.response_received_at
                               FROM ai_proactive_messages m
                              WHERE m.contractor_id = a.id
                                AND m.sent_at IS NOT NULL
                                AND m.source_message_type IS NULL
                              ORDER BY m.sent_at DESC
                              LIMIT %(ignored_in_a_row)s) newest) recent ON true
  LEFT JOIN LATERAL (SELECT t.cumulative_trust_score AS score
                       FROM ai_trust_indicators t
                      WHERE t.contractor_id = a.id
                        AND t.cumulative_trust_score IS NOT NULL
                      ORDER BY t.recorded_at DESC, t.id DESC
                      LIMIT 1) trust ON true
  LEFT JOIN LATERAL (SELECT count(*) AS count,
                            array_agg(LEAST('2200-01-01', t.recorded_at) ORDER BY t.recorded_at DESC) AS times
                       FROM ai_trust_indicators t
                      WHERE t.contractor_id = a.id
                        AND t.indicator_type IN ('negative_feedback', 'ignored_suggestion')
                        AND t.recorded_at > NOW() - make_interval(secs => %(complaints_days)s::float8 * 86400))
            complaints ON true
