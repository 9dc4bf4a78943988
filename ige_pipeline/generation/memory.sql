-- name: exchanges
-- The last few texts that each contractor got and what came back, the oldest first. Bounded here already: a reply may be
-- of any length.
SELECT asked.contractor_id, last.message_id, last.said, last.replied, last.days_ago
  FROM unnest(%(contractor_ids)s::bigint[]) AS asked (contractor_id)
 CROSS JOIN LATERAL (SELECT m.id AS message_id,
                            left(m.message_content, 2000) AS said,
                            left(m.contractor_response, 2000) AS replied,
                            m.sent_at,
                            -- A time may be infinite, or lie ahead.
                            floor(EXTRACT(EPOCH FROM NOW() - LEAST(NOW(), GREATEST('1970-01-01', m.sent_at)))
                                  / 86400)::int AS days_ago
                       FROM ai_proactive_messages m
                      WHERE m.contractor_id = asked.contractor_id
                        AND m.sent_at IS NOT NULL
                      ORDER BY m.sent_at DESC
                      LIMIT %(at_most)s::int) AS last
 ORDER BY asked.contractor_id, last.sent_at
