-- name: phone_of
-- The number as it is stored.
SELECT phone FROM contractors WHERE id = %(contractor_id)s

-- name: number_of_reply
-- The number that wrote it, whether anybody here has it or not.
SELECT phone_e164 FROM ige_inbound_messages WHERE id = %(inbound_id)s

-- name: have_seen
-- Each is signed once, by whoever looked first.
UPDATE ige_inbound_messages
   SET seen_at = now(), seen_by = %(who)s
 WHERE id = ANY (%(ids)s::bigint[])
   AND flag IS NOT NULL
   AND seen_at IS NULL
RETURNING id

-- name: flagged
-- What a person should look at, the oldest first.
SELECT i.id, i.received_at, i.contractor_id, i.meaning, i.rule, i.flag, i.body
  FROM ige_inbound_messages i
 WHERE i.flag IS NOT NULL
   AND i.seen_at IS NULL
 ORDER BY i.id
 LIMIT %(limit)s
