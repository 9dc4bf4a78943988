-- name: reader
-- An hour's reading is paid for as a batch is, under a number that no batch has.
SELECT -(extract(epoch FROM now())::bigint / 3600) AS id

-- name: unread
-- What no rule knew and no model has read yet, with the message that it answers: the oldest first, for three days.
SELECT i.id, i.contractor_id, i.message_id, i.first_response, m.message_content AS said, i.body AS replied
  FROM ige_inbound_messages i
  LEFT JOIN ai_proactive_messages m ON m.id = i.message_id
 WHERE i.meaning = 'reply' AND i.indicator IS NULL AND i.read_by IS NULL
   AND i.received_at > now() - interval '3 days'
   AND i.contractor_id IS NOT NULL
   AND i.body ~ '\w'
 ORDER BY i.received_at, i.id
 LIMIT 1000

-- name: note_reading
-- What the model made of it, once; without an indicator it stays unknown.
UPDATE ige_inbound_messages
   SET read_by = %(read_by)s, indicator = %(indicator)s
 WHERE id = %(id)s
   AND read_by IS NULL
   AND indicator IS NULL

-- name: rate
-- What a reply makes the message worth that it was the first answer to, unless it is rated already.
UPDATE ai_proactive_messages
   SET outcome_rating = %(rating)s, updated_at = NOW()
 WHERE id = %(message_id)s
   AND outcome_rating IS NULL
