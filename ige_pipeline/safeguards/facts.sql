-- name: recipient_facts
-- What the safeguards need to know of each contractor, as of the database's now: one row for each id asked for.
-- At scheduling, everything sent or still to be sent counts. At sending (`sending`), of the other messages only those
-- that were sent or are leased count, so that two waiting messages do not block one another for ever. Times that no
-- calendar has (infinity, year 9999) are brought into reach: one such row must not end the batch.
SELECT asked.id AS contractor_id,
       c.id IS NOT NULL AS known,
       c.phone,
       c.timezone,
       COALESCE(c.ai_proactive_paused, false) AS paused,
       CASE WHEN c.ai_pause_until BETWEEN '1970-01-01' AND '2200-01-01' THEN c.ai_pause_until::timestamptz END
           AS paused_until,
       waiting.id AS waiting_message_id,
       contact.id AS last_message_id,
       contact.sent_at::timestamptz AS last_sent_at,
       recent.sent AS recent_sent,
       recent.unanswered AS recent_unanswered,
       recent.last_sent_at::timestamptz AS recent_last_sent_at,
       trust.score AS trust_score,
       now() AS asked_at
  FROM unnest(%(contractor_ids)s::bigint[]) AS asked (id)
  LEFT JOIN contractors c ON c.id = asked.id
  LEFT JOIN LATERAL (SELECT m.id
                       FROM ai_proactive_messages m
                      WHERE m.contractor_id = asked.id
                        AND m.sent_at IS NULL AND m.dead_at IS NULL
                        AND m.cancelled_at IS NULL AND m.expired_at IS NULL
                        AND m.id IS DISTINCT FROM %(message_id)s::bigint
                        AND (NOT %(sending)s OR m.lease_token IS NOT NULL)
                      ORDER BY m.id
                      LIMIT 1) waiting ON true
  LEFT JOIN LATERAL (SELECT m.id, GREATEST('1970-01-01', LEAST('2200-01-01', m.sent_at)) AS sent_at
                       FROM ai_proactive_messages m
                      WHERE m.contractor_id = asked.id
                        AND m.sent_at IS NOT NULL
                        AND m.id IS DISTINCT FROM %(message_id)s::bigint
                      ORDER BY m.sent_at DESC
                      LIMIT 1) contact ON true
  LEFT JOIN LATERAL (SELECT count(*) AS sent,
                            count(*) FILTER (WHERE newest.contractor_response IS NULL
                                               AND newest.response_received_at IS NULL) AS unanswered,
                            max(newest.sent_at) AS last_sent_at
                       FROM (SELECT GREATEST('1970-01-01', LEAST('2200-01-01', m.sent_at)) AS sent_at,
                                    m.contractor_response, m.response_received_at
                               FROM ai_proactive_messages m
                              WHERE m.contractor_id = asked.id
                                AND m.sent_at IS NOT NULL
                                AND m.source_message_type IS NULL
                              ORDER BY m.sent_at DESC
                              LIMIT %(ignored_in_a_row)s) newest) recent ON true
  LEFT JOIN LATERAL (SELECT t.cumulative_trust_score AS score
                       FROM ai_trust_indicators t
                      WHERE t.contractor_id = asked.id
                        AND t.cumulative_trust_score IS NOT NULL
                      ORDER BY t.recorded_at DESC, t.id DESC
                      LIMIT 1) trust ON true
