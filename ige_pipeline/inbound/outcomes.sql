-- name: listen
-- Since when could anybody answer us? A silence counts from then on.
INSERT INTO ige_switches (name, value, reason, changed_by)
VALUES ('listening', jsonb_build_object('since', now()), 'replies are taken', %(who)s)
    ON CONFLICT (name) DO NOTHING

-- name: hold_outcomes
-- One run after the other.
SELECT pg_advisory_xact_lock(369)

-- name: concerned
-- Whom something is to be written down about: an item done lately that no message has been thanked for, or a message that
-- nobody answered in time.
SELECT i.contractor_id
  FROM ai_concierge_checklist_items i
 WHERE i.status = 'completed'
   AND i.completed_at > NOW() - make_interval(secs => (%(acted_within_days)s::float8 + 1) * 86400)
   AND NOT EXISTS (SELECT 1
                     FROM ige_attributions a
                    WHERE a.subject_table = 'ai_concierge_checklist_items' AND a.subject_id = i.id)
UNION
SELECT i.contractor_id
  FROM contractor_action_items i
 WHERE i.completed_at > NOW() - make_interval(secs => (%(acted_within_days)s::float8 + 1) * 86400)
   AND NOT EXISTS (SELECT 1
                     FROM ige_attributions a
                    WHERE a.subject_table = 'contractor_action_items' AND a.subject_id = i.id)
UNION
SELECT m.contractor_id
  FROM ai_proactive_messages m
 WHERE m.sent_at IS NOT NULL AND m.source_message_type IS NULL AND m.contractor_response IS NULL
   AND m.response_received_at IS NULL AND m.ignored_at IS NULL
   AND m.sent_at <= NOW() - make_interval(secs => %(ignored_after_hours)s::float8 * 3600)
   AND m.sent_at > NOW() - interval '30 days'
   AND m.led_to_action IS NOT TRUE
   AND COALESCE(m.receipt_status, '') NOT IN ('undelivered', 'failed')
   AND m.sent_at >= (SELECT (s.value ->> 'since')::timestamptz FROM ige_switches s WHERE s.name = 'listening')
   AND NOT EXISTS (SELECT 1
                     FROM ige_inbound_messages i
                    WHERE i.contractor_id = m.contractor_id
                      AND i.received_at >= m.sent_at::timestamptz
                      AND i.received_at <= m.sent_at::timestamptz
                                           + make_interval(secs => %(ignored_after_hours)s::float8 * 3600))
ORDER BY 1

-- name: attribute
-- What was done within days of a message was done because of it: of several messages the one about that very item, else
-- the newest before it. Each item counts for one message, and each message once for their trust.
WITH done AS (
    SELECT 'ai_concierge_checklist_items' AS subject_table, i.id, i.contractor_id, i.completed_at
      FROM ai_concierge_checklist_items i
     WHERE i.status = 'completed'
       AND i.completed_at > NOW() - make_interval(secs => (%(acted_within_days)s::float8 + 1) * 86400)
       AND i.completed_at <= NOW()
       AND i.contractor_id = ANY (%(contractor_ids)s::integer[])
     UNION ALL
    SELECT 'contractor_action_items', i.id, i.contractor_id, i.completed_at
      FROM contractor_action_items i
     WHERE i.completed_at > NOW() - make_interval(secs => (%(acted_within_days)s::float8 + 1) * 86400)
       AND i.completed_at <= NOW()
       AND i.contractor_id = ANY (%(contractor_ids)s::integer[])
), because AS (
    SELECT d.subject_table, d.id, d.contractor_id, m.id AS message_id
      FROM done d
     CROSS JOIN LATERAL (SELECT s.id
                           FROM ai_proactive_messages s
                          WHERE s.contractor_id = d.contractor_id
                            AND s.sent_at IS NOT NULL
                            AND s.sent_at <= d.completed_at
                            AND s.sent_at > d.completed_at
                                - make_interval(secs => %(acted_within_days)s::float8 * 86400)
                            AND s.confirms_opt_out IS NULL
                            AND COALESCE(s.receipt_status, '') NOT IN ('undelivered', 'failed')
                          ORDER BY (s.subject_table = d.subject_table AND s.subject_id = d.id) IS TRUE DESC,
                                   (d.id::text = CASE d.subject_table
                                        WHEN 'contractor_action_items' THEN s.context_data ->> 'action_item_id'
                                        ELSE s.context_data ->> 'item_id' END) IS TRUE DESC,
                                   s.sent_at DESC
                          LIMIT 1) m
), counted AS (
    INSERT INTO ige_attributions (subject_table, subject_id, message_id)
    SELECT b.subject_table, b.id, b.message_id FROM because b
        ON CONFLICT (subject_table, subject_id) DO NOTHING
    RETURNING message_id
), led AS (
    UPDATE ai_proactive_messages m
       SET led_to_action = true, outcome_rating = COALESCE(m.outcome_rating, 5), updated_at = NOW()
     WHERE m.id IN (SELECT c.message_id FROM counted c)
       AND m.led_to_action IS NOT TRUE
    RETURNING m.id, m.contractor_id
)
SELECT l.id AS message_id, l.contractor_id,
       -- Who has said so already is not trusted twice for it.
       NOT EXISTS (SELECT 1
                     FROM ige_inbound_messages i
                    WHERE i.message_id = l.id
                      AND i.indicator = 'acted_on_suggestion') AS moves_trust
  FROM led l
 ORDER BY l.contractor_id, l.id

-- name: ignore
-- What nobody answered in time, and what arrived as far as we know, is written down as ignored, once. Who wrote to us in
-- that time answered, also where a newer message got the answer.
UPDATE ai_proactive_messages m
   SET ignored_at = now()
 WHERE m.contractor_id = ANY (%(contractor_ids)s::integer[])
   AND m.sent_at IS NOT NULL AND m.source_message_type IS NULL AND m.contractor_response IS NULL
   AND m.response_received_at IS NULL AND m.ignored_at IS NULL
   AND m.sent_at <= NOW() - make_interval(secs => %(ignored_after_hours)s::float8 * 3600)
   AND m.sent_at > NOW() - interval '30 days'
   AND m.sent_at >= (SELECT (s.value ->> 'since')::timestamptz FROM ige_switches s WHERE s.name = 'listening')
   AND m.led_to_action IS NOT TRUE
   AND COALESCE(m.receipt_status, '') NOT IN ('undelivered', 'failed')
   AND NOT EXISTS (SELECT 1
                     FROM ige_inbound_messages i
                    WHERE i.contractor_id = m.contractor_id
                      AND i.received_at >= m.sent_at::timestamptz
                      AND i.received_at <= m.sent_at::timestamptz
                                           + make_interval(secs => %(ignored_after_hours)s::float8 * 3600))
RETURNING m.id AS message_id, m.contractor_id, true AS moves_trust

-- name: record_outcomes
-- The same indicator for many, each on top of what stood before; of several to one person one after the other.
WITH told AS (
    SELECT t.message_id, t.contractor_id, row_number() OVER (PARTITION BY t.contractor_id ORDER BY t.message_id) AS place
      FROM unnest(%(message_ids)s::bigint[], %(contractor_ids)s::integer[]) AS t (message_id, contractor_id)
), clock AS MATERIALIZED (
    SELECT clock_timestamp() AS now
)
INSERT INTO ai_trust_indicators (contractor_id, indicator_type, indicator_description, context_data, confidence_impact,
                                 cumulative_trust_score, recorded_at, created_at, updated_at)
SELECT t.contractor_id, %(indicator)s, 'Message ' || t.message_id || ': ' || replace(%(indicator)s, '_', ' ') || '.',
       jsonb_build_object('cause', %(cause)s::text, 'message_id', t.message_id), %(impact)s,
       GREATEST(0, LEAST(100, COALESCE(newest.score, %(trust_without_record)s::integer)
                              + t.place::integer * %(impact)s::integer)),
       moment.now, moment.now, moment.now
  FROM told t
  JOIN contractors c ON c.id = t.contractor_id
 CROSS JOIN LATERAL (SELECT (clock.now + t.place * interval '1 microsecond')::timestamp AS now FROM clock) moment
  LEFT JOIN LATERAL (SELECT i.cumulative_trust_score AS score
                       FROM ai_trust_indicators i
                      WHERE i.contractor_id = t.contractor_id
                        AND i.cumulative_trust_score IS NOT NULL
                      ORDER BY i.recorded_at DESC, i.id DESC
                      LIMIT 1) newest ON true
 ORDER BY t.contractor_id, t.place
