-- name: page
-- What came back, the newest first; only what is flagged and unseen where asked. Both by index.
SELECT i.id, i.received_at, i.contractor_id, NULLIF(concat_ws(' ', c.first_name, c.last_name), '') AS name, i.message_id,
       i.phone_e164, i.body, i.meaning, i.rule, i.indicator, i.complaint, i.cancelled, i.answer, i.flag, i.seen_at, i.seen_by,
       EXISTS (SELECT FROM ige_suppressions s WHERE s.phone_e164 = i.phone_e164 AND s.lifted_at IS NULL) AS suppressed
  FROM ige_inbound_messages i
  LEFT JOIN contractors c ON c.id = i.contractor_id
 WHERE i.id < %(before)s::bigint
   AND (NOT %(flagged)s::boolean OR (i.flag IS NOT NULL AND i.seen_at IS NULL))
   AND (%(contractor_id)s::bigint IS NULL OR i.contractor_id = %(contractor_id)s::bigint)
 ORDER BY i.id DESC
 LIMIT %(shown)s

-- name: flagged
-- How many wait for a person.
SELECT count(*) AS flagged FROM ige_inbound_messages WHERE flag IS NOT NULL AND seen_at IS NULL
