-- name: recipient_facts
-- What the safeguards need to know of each contractor, as of the database's now: one row for each id asked for.
-- At scheduling, everything sent or still to be sent counts. At sending (`sending`), of the other messages only those
-- that were sent or are leased count, so that two waiting messages do not block one another for ever. Times that no
-- calendar has (infinity, year 9999) are brought into reach: one such row must not end the batch. `message_ids` are those
-- about to be sent, which are no contact yet.
-- A text reaches a number: `sharing_ids` are contractors with the same number as another, `sharing_numbers` says which
-- go together, and they share what was sent, what they left unanswered, their complaints and the least of their trust. The
-- number itself stays here.
-- Of trust the newest score counts, one without a time only where none has one; a complaint without a time is of now.
WITH asked AS (
    SELECT wanted.id, c.id IS NOT NULL AS known, c.timezone, p.e164, p.local_digits, p.zones, p.state,
           CASE WHEN c.phone IS NULL THEN 'none'
                WHEN length(c.phone) > 64 THEN 'impossible'
                ELSE p.verdict END AS phone_verdict,
           COALESCE(c.ai_proactive_paused, false) AS paused,
           CASE WHEN c.ai_pause_until BETWEEN '1970-01-01' AND '2200-01-01' THEN c.ai_pause_until::timestamptz END
               AS paused_until
      FROM unnest(%(contractor_ids)s::bigint[]) AS wanted (id)
      LEFT JOIN contractors c ON c.id = wanted.id
      LEFT JOIN ige_phones p ON p.raw = c.phone AND p.region = %(default_region)s
), sharing AS (
    SELECT s.id, s.number FROM unnest(%(sharing_ids)s::bigint[], %(sharing_numbers)s::integer[]) AS s (id, number)
), person AS NOT MATERIALIZED (
    SELECT reached.id, waiting.id AS waiting_message_id, COALESCE(month.ids[1], earlier.id) AS last_message_id,
           COALESCE(month.times[1], earlier.sent_at::timestamptz) AS last_sent_at, month.sent_day, month.sent_week,
           month.sent_30_days, month.times, month.types
      FROM (SELECT unnest(%(contractor_ids)s::bigint[]) UNION SELECT s.id FROM sharing s) AS reached (id)
      LEFT JOIN LATERAL (SELECT m.id
                           FROM ai_proactive_messages m
                          WHERE m.contractor_id = reached.id
                            AND m.sent_at IS NULL AND m.dead_at IS NULL
                            AND m.cancelled_at IS NULL AND m.expired_at IS NULL
                            AND m.id <> ALL (%(message_ids)s::bigint[])
                            AND (NOT %(sending)s OR m.lease_token IS NOT NULL)
                          ORDER BY m.id
                          LIMIT 1) waiting ON true
      -- The rolling windows: everything of the last 30 days, the newest first, as the index has it.
      LEFT JOIN LATERAL (SELECT count(*) FILTER (WHERE m.sent_at > NOW() - interval '24 hours') AS sent_day,
                                count(*) FILTER (WHERE m.sent_at > NOW() - interval '168 hours') AS sent_week,
                                count(*) AS sent_30_days,
                                array_agg(m.id) AS ids,
                                array_agg(LEAST('2200-01-01', m.sent_at)::timestamptz) AS times,
                                array_agg(m.message_type) AS types
                           FROM (SELECT s.id, s.sent_at, s.message_type
                                   FROM ai_proactive_messages s
                                  WHERE s.contractor_id = reached.id
                                    AND s.sent_at > NOW() - interval '720 hours'
                                    AND s.id <> ALL (%(message_ids)s::bigint[])
                                  ORDER BY s.sent_at DESC) m) month ON true
      LEFT JOIN LATERAL (SELECT m.id, GREATEST('1970-01-01', m.sent_at) AS sent_at
                           FROM ai_proactive_messages m
                          WHERE month.sent_30_days = 0
                            AND m.contractor_id = reached.id
                            AND m.sent_at IS NOT NULL
                            AND m.id <> ALL (%(message_ids)s::bigint[])
                          ORDER BY m.sent_at DESC
                          LIMIT 1) earlier ON true
), together AS (
    SELECT s.number, min(p.waiting_message_id) AS waiting_message_id,
           (array_agg(p.last_message_id ORDER BY p.last_sent_at DESC NULLS LAST))[1] AS last_message_id,
           max(p.last_sent_at) AS last_sent_at, sum(p.sent_day)::bigint AS sent_day,
           sum(p.sent_week)::bigint AS sent_week, sum(p.sent_30_days)::bigint AS sent_30_days
      FROM sharing s
      JOIN person p ON p.id = s.id
     GROUP BY s.number
), together_lately AS (
    SELECT s.number, array_agg(each.time ORDER BY each.time DESC) AS times,
           array_agg(each.type ORDER BY each.time DESC) AS types
      FROM sharing s
      JOIN person p ON p.id = s.id
     CROSS JOIN unnest(p.times, p.types) AS each (time, type)
     GROUP BY s.number
), heard AS (
    SELECT s.number, m.sent_at, m.unanswered, row_number() OVER (PARTITION BY s.number ORDER BY m.sent_at DESC) AS nth
      FROM sharing s
     CROSS JOIN LATERAL (SELECT m.sent_at,
                                num_nonnulls(m.contractor_response, m.response_received_at) = 0 AS unanswered
                           FROM ai_proactive_messages m
                          WHERE m.contractor_id = s.id
                            AND m.sent_at IS NOT NULL
                            AND m.source_message_type IS NULL
                          ORDER BY m.sent_at DESC
                          LIMIT %(ignored_in_a_row)s) m
), together_heard AS (
    SELECT number, count(*) AS sent, count(*) FILTER (WHERE unanswered) AS unanswered,
           max(GREATEST('1970-01-01', LEAST('2200-01-01', sent_at))) AS last_sent_at
      FROM heard
     WHERE nth <= %(ignored_in_a_row)s
     GROUP BY number
), together_trusted AS (
    SELECT s.number,
           min(COALESCE((SELECT t.cumulative_trust_score
                           FROM ai_trust_indicators t
                          WHERE t.contractor_id = s.id
                            AND t.cumulative_trust_score IS NOT NULL
                            AND t.recorded_at IS NOT NULL
                          ORDER BY t.recorded_at DESC, t.id DESC
                          LIMIT 1),
                        (SELECT t.cumulative_trust_score
                           FROM ai_trust_indicators t
                          WHERE t.contractor_id = s.id
                            AND t.cumulative_trust_score IS NOT NULL
                            AND t.recorded_at IS NULL
                          ORDER BY t.recorded_at DESC, t.id DESC
                          LIMIT 1))) AS score
      FROM sharing s
     GROUP BY s.number
), together_complained AS (
    SELECT s.number, count(*) AS count,
           array_agg(LEAST('2200-01-01', COALESCE(t.recorded_at, NOW())) ORDER BY COALESCE(t.recorded_at, NOW()) DESC)
               AS times
      FROM sharing s
      JOIN ai_trust_indicators t ON t.contractor_id = s.id
     WHERE t.indicator_type IN ('negative_feedback', 'ignored_suggestion')
       AND (t.recorded_at <= NOW() - make_interval(secs => %(complaints_days)s::float8 * 86400)) IS NOT TRUE
     GROUP BY s.number
), shared AS (
    SELECT s.id, t.*, lately.times, lately.types, COALESCE(h.sent, 0) AS heard, COALESCE(h.unanswered, 0) AS unanswered,
           h.last_sent_at AS last_heard_at, trusted.score, COALESCE(complained.count, 0) AS complaints,
           complained.times AS complained
      FROM sharing s
      JOIN together t ON t.number = s.number
      LEFT JOIN together_lately lately ON lately.number = s.number
      LEFT JOIN together_heard h ON h.number = s.number
      LEFT JOIN together_trusted trusted ON trusted.number = s.number
      LEFT JOIN together_complained complained ON complained.number = s.number
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
       contact.last_sent_at,
       contact.sent_day,
       contact.sent_week,
       contact.sent_30_days,
       CASE WHEN near.cap THEN contact.times END AS recent_times,
       CASE WHEN near.cap THEN contact.types END AS recent_types,
       CASE WHEN shared.id IS NULL THEN recent.sent ELSE shared.heard END AS recent_sent,
       CASE WHEN shared.id IS NULL THEN unanswered.count ELSE shared.unanswered END AS recent_unanswered,
       CASE WHEN shared.id IS NULL THEN recent.last_sent_at ELSE shared.last_heard_at END::timestamptz
           AS recent_last_sent_at,
       CASE WHEN shared.id IS NULL THEN trust.score ELSE shared.score END AS trust_score,
       CASE WHEN shared.id IS NULL THEN complaints.count ELSE shared.complaints END AS complaints,
       (CASE WHEN shared.id IS NULL THEN complaints.times ELSE shared.complained END)[%(complaints_at_most)s::integer]
           ::timestamptz AS complained_at,
       now() AS asked_at
  FROM asked a
  LEFT JOIN person alone ON alone.id = a.id
  LEFT JOIN shared ON shared.id = a.id
 CROSS JOIN LATERAL (SELECT CASE WHEN shared.id IS NULL THEN alone.waiting_message_id ELSE shared.waiting_message_id END AS waiting_message_id,
                            CASE WHEN shared.id IS NULL THEN alone.last_message_id ELSE shared.last_message_id END AS last_message_id,
                            CASE WHEN shared.id IS NULL THEN alone.last_sent_at ELSE shared.last_sent_at END AS last_sent_at,
                            CASE WHEN shared.id IS NULL THEN alone.sent_day ELSE shared.sent_day END AS sent_day,
                            CASE WHEN shared.id IS NULL THEN alone.sent_week ELSE shared.sent_week END AS sent_week,
                            CASE WHEN shared.id IS NULL THEN alone.sent_30_days ELSE shared.sent_30_days END AS sent_30_days,
                            CASE WHEN shared.id IS NULL THEN alone.times ELSE shared.times END AS times,
                            CASE WHEN shared.id IS NULL THEN alone.types ELSE shared.types END AS types) contact
  -- The times of single messages are wanted only where a cap may have been reached; without them it is unevaluated.
 CROSS JOIN LATERAL (SELECT (%(cap_per_day)s::integer > 0 AND contact.sent_day >= %(cap_per_day)s::integer)
                         OR (%(cap_per_week)s::integer > 0 AND contact.sent_week >= %(cap_per_week)s::integer)
                         OR (%(cap_per_30_days)s::integer > 0 AND contact.sent_30_days >= %(cap_per_30_days)s::integer)
                         OR (%(cap_per_type_per_week)s::integer > 0
                             AND contact.sent_week >= %(cap_per_type_per_week)s::integer)
                         OR (%(state_rules)s::boolean AND a.state IS NOT NULL AND contact.sent_day > 0) AS cap) near
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
  LEFT JOIN LATERAL (SELECT count(*) AS sent, min(newest.sent_at) AS since,
                            max(GREATEST('1970-01-01', LEAST('2200-01-01', newest.sent_at))) AS last_sent_at
                       FROM (SELECT m.sent_at
                               FROM ai_proactive_messages m
                              WHERE m.contractor_id = a.id
                                AND m.sent_at IS NOT NULL
                                AND m.source_message_type IS NULL
                              ORDER BY m.sent_at DESC
                              LIMIT %(ignored_in_a_row)s) newest) recent ON true
  -- Counted apart, so that indexes alone can answer: a reply's text is too long to be kept in one.
  LEFT JOIN LATERAL (SELECT LEAST(count(*), recent.sent) AS count
                       FROM ai_proactive_messages m
                      WHERE m.contractor_id = a.id
                        AND m.sent_at >= recent.since
                        AND m.sent_at IS NOT NULL
                        AND m.source_message_type IS NULL
                        AND m.contractor_response IS NULL
                        AND m.response_received_at IS NULL) unanswered ON true
  LEFT JOIN LATERAL (SELECT COALESCE((SELECT t.cumulative_trust_score
                                        FROM ai_trust_indicators t
                                       WHERE t.contractor_id = a.id
                                         AND t.cumulative_trust_score IS NOT NULL
                                         AND t.recorded_at IS NOT NULL
                                       ORDER BY t.recorded_at DESC, t.id DESC
                                       LIMIT 1),
                                     (SELECT t.cumulative_trust_score
                                        FROM ai_trust_indicators t
                                       WHERE t.contractor_id = a.id
                                         AND t.cumulative_trust_score IS NOT NULL
                                         AND t.recorded_at IS NULL
                                       ORDER BY t.recorded_at DESC, t.id DESC
                                       LIMIT 1)) AS score) trust ON true
  LEFT JOIN LATERAL (SELECT count(*) AS count,
                            array_agg(LEAST('2200-01-01', COALESCE(t.recorded_at, NOW()))
                                      ORDER BY COALESCE(t.recorded_at, NOW()) DESC) AS times
                       FROM ai_trust_indicators t
                      WHERE t.contractor_id = a.id
                        AND t.indicator_type IN ('negative_feedback', 'ignored_suggestion')
                        AND (t.recorded_at <= NOW() - make_interval(secs => %(complaints_days)s::float8 * 86400))
                            IS NOT TRUE) complaints ON true
