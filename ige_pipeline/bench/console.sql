-- name: attempts
-- One for each message that was sent, so that the stories and the last hours have something to read.
INSERT INTO ige_delivery_attempts (message_id, run_id, attempt, lease_token, claimed_at, posted_at, ended_at, outcome,
                                   status_code, duration_ms, response)
SELECT m.id, 'bench', 1, '00000000-0000-0000-0000-000000000000', m.sent_at, m.sent_at,
       now() - row_number() OVER (ORDER BY m.id DESC) * interval '4 seconds', 'Delivered', 200, 80, '{"ok": true}'
  FROM ai_proactive_messages m
 WHERE m.sent_at IS NOT NULL
 ORDER BY m.id;

-- name: partitions
-- The ledger of the last ten days.
SELECT ige_prepare_decisions((now() AT TIME ZONE 'UTC')::date - day) FROM generate_series(0, 9) AS day;

-- name: batches
-- One an hour.
INSERT INTO ige_batches (root_run_id, batch_hour, as_of, triggers, opened_at, closed_at, counts)
SELECT 'bench-' || hour, date_trunc('hour', now(), 'UTC') - hour * interval '1 hour', now() - hour * interval '1 hour',
       '{high_priority_goal}', now() - hour * interval '1 hour', now() - hour * interval '1 hour',
       '{"scheduled": 2000, "blocked": 6000}'
  FROM generate_series(0, 239) AS hour;

-- name: decisions
-- One for each message of ours, under the days of that ledger.
INSERT INTO ige_decisions (decided_on, batch_id, contractor_id, trigger_name, message_type, priority, dedupe_key, reason,
                           facts, recipient_facts, screened_at, reviewed_at, draft_source, verdict, decided_at, message_id)
SELECT (now() AT TIME ZONE 'UTC')::date - (m.id % 10)::int, 1 + m.id % 240, m.contractor_id, m.trigger_name,
       m.message_type, 70, m.dedupe_key, m.ai_reasoning, '{"item": "Call the two suppliers"}', '{"trust_score": 60}',
       now(), now(), 'template:check_in/casual/1', 'scheduled', now(), m.id
  FROM ai_proactive_messages m
 WHERE m.trigger_name IS NOT NULL;

-- name: explained
-- As the messages of ours are: with the decision that led to them.
UPDATE ai_proactive_messages m
   SET decision_id = d.id, attempts = 1
  FROM ige_decisions d
 WHERE d.message_id = m.id;

-- name: ended
-- Some that died, were cancelled or expired.
INSERT INTO ai_proactive_messages (contractor_id, message_type, message_content, created_at, dead_at, dead_reason,
                                   cancelled_at, cancel_reason, expired_at, attempts)
SELECT n, 'check_in', 'Hi Ada, how did the call with the suppliers go?', localtimestamp - interval '9 days',
       CASE WHEN n % 3 = 0 THEN now() - interval '9 days' END, CASE WHEN n % 3 = 0 THEN 'http_400' END,
       CASE WHEN n % 3 = 1 THEN now() - interval '9 days' END, CASE WHEN n % 3 = 1 THEN 'replied' END,
       CASE WHEN n % 3 = 2 THEN now() - interval '9 days' END, 1
  FROM generate_series(1, 9000) AS n;

-- name: somebody
-- A contractor of whom there is much to show, one of their messages, and a place deep in the list.
SELECT m.contractor_id, m.id AS message_id, (SELECT max(id) / 2 FROM ai_proactive_messages) AS deep
  FROM ai_proactive_messages m
 WHERE m.trigger_name IS NOT NULL
   AND m.sent_at IS NOT NULL
 ORDER BY m.id
 LIMIT 1
