-- name: database_now
-- From here on what we send is new; the database owns the clock.
SELECT now() AS now;

-- name: due_now
-- What one delivery run can send; the rest waits for its hour.
SELECT count(*) AS due
  FROM ai_proactive_messages m
 WHERE m.sent_at IS NULL AND m.dead_at IS NULL AND m.cancelled_at IS NULL AND m.expired_at IS NULL
   AND COALESCE(m.not_before, '-infinity') <= now()
   AND COALESCE(m.next_attempt_at, '-infinity') <= now();

-- name: sent
-- Who was written to since we began, and why the trigger fired.
SELECT c.id, concat_ws(' ', c.first_name, c.last_name) AS name, c.company_name, c.phone, c.timezone,
       COALESCE(d.trigger_name, m.trigger_name, 'external') AS trigger_name,
       COALESCE(d.reason, m.ai_reasoning) AS reason, m.message_content, m.sent_at::timestamptz AS sent_at
  FROM ai_proactive_messages m
  JOIN contractors c ON c.id = m.contractor_id
  LEFT JOIN ige_decisions d ON d.message_id = m.id
 WHERE m.sent_at >= %(since)s::timestamptz
 ORDER BY m.sent_at, m.id;

-- name: waiting
-- Written and scheduled, and still to be sent, soonest first.
SELECT c.id, concat_ws(' ', c.first_name, c.last_name) AS name, c.company_name, c.phone, c.timezone,
       COALESCE(d.trigger_name, m.trigger_name, 'external') AS trigger_name,
       GREATEST(m.not_before, m.next_attempt_at) AS due_at, m.last_error
  FROM ai_proactive_messages m
  JOIN contractors c ON c.id = m.contractor_id
  LEFT JOIN ige_decisions d ON d.message_id = m.id
 WHERE m.sent_at IS NULL AND m.dead_at IS NULL AND m.cancelled_at IS NULL AND m.expired_at IS NULL
 ORDER BY due_at NULLS FIRST, m.id;

-- name: not_written
-- Due in this batch, and something stood in the way; also what ended without being sent since we began.
SELECT c.id, concat_ws(' ', c.first_name, c.last_name) AS name, c.company_name, c.phone,
       array_agg(DISTINCT d.trigger_name) AS triggers,
       array_agg(DISTINCT COALESCE(m.dead_reason, m.cancel_reason, CASE WHEN m.expired_at IS NOT NULL THEN 'stale' END,
                                   d.verdict, 'undecided')) AS verdicts,
       (SELECT COALESCE(jsonb_agg(DISTINCT each.reason), '[]')
          FROM ige_decisions o
         CROSS JOIN LATERAL jsonb_array_elements(o.reasons) AS each (reason)
         WHERE o.batch_id = %(batch_id)s
           AND o.contractor_id = d.contractor_id) AS reasons
  FROM ige_decisions d
  JOIN contractors c ON c.id = d.contractor_id
  LEFT JOIN ai_proactive_messages m ON m.id = d.message_id
 WHERE d.batch_id = %(batch_id)s
 GROUP BY d.contractor_id, c.id
HAVING count(*) FILTER (WHERE d.verdict = 'scheduled'
                          AND num_nonnulls(m.dead_at, m.cancelled_at, m.expired_at) = 0) = 0
 ORDER BY verdicts, reasons, c.id;

-- name: nothing_due
-- No trigger fired for them.
SELECT c.id, concat_ws(' ', c.first_name, c.last_name) AS name, c.company_name, c.phone,
       (SELECT max(m.sent_at)::timestamptz FROM ai_proactive_messages m WHERE m.contractor_id = c.id) AS last_sent_at
  FROM contractors c
 WHERE NOT EXISTS (SELECT FROM ige_decisions d WHERE d.batch_id = %(batch_id)s AND d.contractor_id = c.id)
 ORDER BY last_sent_at NULLS FIRST, c.id;
