-- name: decisions
-- How many, and a fingerprint of who, which occurrence, facts, what was known, reasons, verdict and the first allowed
-- moment: all less ids and times.
SELECT count(*) AS decisions,
       md5(string_agg(concat_ws('|', d.contractor_id, d.dedupe_key, d.facts, d.priority, d.verdict, d.not_before,
                                d.recipient_known, (SELECT string_agg(r ->> 'reason', ',' ORDER BY r ->> 'reason')
                                                      FROM jsonb_array_elements(d.reasons) r)),
                      chr(10) ORDER BY d.contractor_id, d.dedupe_key)) AS result
  FROM ige_decisions d
 WHERE d.batch_id = %(batch_id)s
   AND d.decided_on = %(decided_on)s

-- name: delivered
-- What was sent, and how often somebody tried.
SELECT (SELECT count(*) FROM ai_proactive_messages WHERE sent_at IS NOT NULL) AS sent,
       (SELECT count(*) FROM ige_delivery_attempts WHERE posted_at IS NOT NULL) AS attempts
