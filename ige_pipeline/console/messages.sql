-- name: all
-- The newest messages before one, whatever became of them. A page looks through so many at most, and then says how far
-- it came: nobody waits for a search through millions.
SELECT * FROM ai_proactive_messages WHERE id < %(before)s::bigint ORDER BY id DESC LIMIT %(scan)s::bigint

-- name: waiting
-- What is still to be sent: few, and found by the index that delivery uses.
SELECT * FROM ai_proactive_messages
 WHERE sent_at IS NULL AND dead_at IS NULL AND cancelled_at IS NULL AND expired_at IS NULL AND id < %(before)s::bigint
 ORDER BY id DESC LIMIT %(scan)s::bigint

-- name: dead
SELECT * FROM ai_proactive_messages
 WHERE dead_at IS NOT NULL AND id < %(before)s::bigint ORDER BY id DESC LIMIT %(scan)s::bigint

-- name: cancelled
SELECT * FROM ai_proactive_messages
 WHERE cancelled_at IS NOT NULL AND id < %(before)s::bigint ORDER BY id DESC LIMIT %(scan)s::bigint

-- name: expired
SELECT * FROM ai_proactive_messages
 WHERE expired_at IS NOT NULL AND id < %(before)s::bigint ORDER BY id DESC LIMIT %(scan)s::bigint

-- name: of_contractor
-- One contractor's messages: those sent, those waiting and those that ended have an index each.
SELECT * FROM (
    (SELECT * FROM ai_proactive_messages WHERE contractor_id = %(contractor_id)s::bigint AND sent_at IS NOT NULL)
    UNION ALL
    (SELECT * FROM ai_proactive_messages
      WHERE contractor_id = %(contractor_id)s::bigint
        AND sent_at IS NULL AND dead_at IS NULL AND cancelled_at IS NULL AND expired_at IS NULL)
    UNION ALL
    (SELECT * FROM ai_proactive_messages
      WHERE contractor_id = %(contractor_id)s::bigint AND sent_at IS NULL
        AND (dead_at IS NOT NULL OR cancelled_at IS NOT NULL OR expired_at IS NOT NULL))
) theirs
 WHERE id < %(before)s::bigint ORDER BY id DESC LIMIT %(scan)s::bigint

-- name: one
SELECT * FROM ai_proactive_messages WHERE id = %(number)s::bigint AND id < %(before)s::bigint LIMIT %(scan)s::bigint

-- name: page
-- Of those that were looked through, the first that fit; and how far the look went.
WITH scanned AS (
    {scanned}
), told AS (
    SELECT s.*,
           CASE WHEN s.sent_at IS NOT NULL THEN 'sent'
                WHEN s.dead_at IS NOT NULL THEN 'dead'
                WHEN s.cancelled_at IS NOT NULL THEN 'cancelled'
                WHEN s.expired_at IS NOT NULL THEN 'expired'
                WHEN s.lease_token IS NOT NULL THEN 'being sent'
                ELSE 'waiting' END AS state,
           COALESCE(s.response_received_at IS NOT NULL OR s.contractor_response IS NOT NULL, false) AS answered
      FROM scanned s
), fitting AS (
    SELECT *
      FROM told t
     WHERE (%(state)s::text IS NULL OR t.state = %(state)s::text OR (%(state)s::text = 'answered' AND t.answered))
       AND (%(trigger)s::text IS NULL OR COALESCE(t.trigger_name, 'external') = %(trigger)s::text)
       AND (%(message_type)s::text IS NULL OR t.message_type = %(message_type)s::text)
       AND (%(like)s::text IS NULL OR t.message_content ILIKE %(like)s::text)
     ORDER BY t.id DESC
     LIMIT %(shown)s::bigint
), reach AS (
    SELECT count(*) AS looked_through, min(id) AS reached FROM scanned
)
SELECT f.id, f.contractor_id, NULLIF(concat_ws(' ', c.first_name, c.last_name), '') AS name, c.company_name, c.phone,
       COALESCE(f.trigger_name, 'external') AS trigger_name, f.message_type, f.state, f.answered,
       left(f.message_content, 160) AS text,
       COALESCE(f.sent_at::timestamptz, f.dead_at, f.cancelled_at, f.expired_at, f.created_at::timestamptz) AS at,
       reach.looked_through, reach.reached
  FROM reach
  LEFT JOIN fitting f ON true
  LEFT JOIN contractors c ON c.id = f.contractor_id
 ORDER BY f.id DESC

-- name: newest
-- Where to begin.
SELECT COALESCE(max(id), 0) + 1 AS before FROM ai_proactive_messages

-- name: people
-- Contractors whose name or company begins so, by index; or who have that number.
SELECT c.id, NULLIF(concat_ws(' ', c.first_name, c.last_name), '') AS name, c.company_name
  FROM (SELECT id FROM (SELECT id FROM contractors
                         WHERE lower(left(COALESCE(first_name, '') || ' ' || COALESCE(last_name, ''), 80)) LIKE %(begins)s::text
                         LIMIT 12) by_name
        UNION
        SELECT id FROM (SELECT id FROM contractors WHERE lower(left(last_name, 80)) LIKE %(begins)s::text LIMIT 12) by_last
        UNION
        SELECT id FROM (SELECT id FROM contractors WHERE lower(left(company_name, 80)) LIKE %(begins)s::text LIMIT 12) by_firm
        UNION
        SELECT id FROM contractors WHERE id = %(number)s::bigint
        UNION
        SELECT id FROM (SELECT id FROM contractors
                         WHERE length(phone) <= 64 AND phone = %(phone)s::text LIMIT 12) by_phone) found
  JOIN contractors c USING (id)
 ORDER BY c.id
 LIMIT 12

-- name: message
-- One message as it stands, and who it is to.
SELECT m.id, m.contractor_id, NULLIF(concat_ws(' ', c.first_name, c.last_name), '') AS name, c.company_name, c.phone,
       COALESCE(m.trigger_name, 'external') AS trigger_name, m.message_type, m.source_message_type, m.message_content AS text,
       m.ai_reasoning, m.created_at::timestamptz AS created_at, m.sent_at::timestamptz AS sent_at, m.attempts,
       m.expires_at, m.next_attempt_at, m.not_before, m.dead_at, m.contractor_response AS response,
       m.response_received_at::timestamptz AS responded_at, m.outcome_rating, m.led_to_action,
       CASE WHEN m.sent_at IS NOT NULL THEN 'sent'
            WHEN m.dead_at IS NOT NULL THEN 'dead'
            WHEN m.cancelled_at IS NOT NULL THEN 'cancelled'
            WHEN m.expired_at IS NOT NULL THEN 'expired'
            WHEN m.lease_token IS NOT NULL THEN 'being sent'
            ELSE 'waiting' END AS state
  FROM ai_proactive_messages m
  LEFT JOIN contractors c ON c.id = m.contractor_id
 WHERE m.id = %(id)s
