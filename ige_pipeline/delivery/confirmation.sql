-- name: confirmations
-- Which of these are confirmations of an opt-out, and whether each still is what it was written as: that number opted out
-- not five minutes ago, and is suppressed since; it is theirs; and the text is the one that was decided on.
SELECT m.id,
       EXISTS (SELECT 1
                 FROM ige_inbound_messages i
                 JOIN ige_suppressions s ON s.phone_e164 = i.phone_e164 AND s.lifted_at IS NULL
                 JOIN contractors c ON c.id = m.contractor_id
                 JOIN ige_phones p ON p.raw = c.phone AND p.region = %(region)s AND p.e164 = i.phone_e164
                 JOIN ige_decisions d ON d.id = m.decision_id
                WHERE i.id = m.confirms_opt_out
                  AND i.meaning = 'opt_out'
                  AND i.received_at > now() - interval '5 minutes'
                  AND m.trigger_name = 'opt_out_confirmation'
                  AND d.decided_on >= (now() AT TIME ZONE 'UTC')::date - 1
                  AND d.trigger_name = 'opt_out_confirmation'
                  AND d.message_id = m.id
                  AND d.draft = m.message_content) AS holds
  FROM ai_proactive_messages m
 WHERE m.id = ANY (%(message_ids)s::bigint[])
   AND m.confirms_opt_out IS NOT NULL

-- name: due_confirmations
-- Those that wait, the oldest first: they wait for no pace.
SELECT m.id
  FROM ai_proactive_messages m
 WHERE m.confirms_opt_out IS NOT NULL
   AND m.sent_at IS NULL AND m.dead_at IS NULL AND m.cancelled_at IS NULL AND m.expired_at IS NULL
   AND m.lease_token IS NULL
 ORDER BY m.id
 LIMIT 200
