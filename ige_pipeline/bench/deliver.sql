-- name: people
-- Everybody is awake, and has a number of their own.
INSERT INTO contractors (first_name, last_name, phone, timezone)
SELECT 'Ada', 'Builder' || n, '+1212' || lpad((2000000 + n)::text, 7, '0'), %(zone)s
  FROM generate_series(1, %(count)s::integer) n

-- name: batch
-- The batch that all of it belongs to.
INSERT INTO ige_batches (root_run_id, batch_hour, as_of, triggers, counts)
SELECT 'bench', date_trunc('hour', now(), 'UTC'), now(), '{}', jsonb_build_object('scheduled', %(count)s::integer)

-- name: decisions
-- Each message has the decision that explains it.
INSERT INTO ige_decisions (decided_on, batch_id, contractor_id, trigger_name, message_type, priority, dedupe_key, reason,
                           verdict, decided_at, reasons, message_id, screened_at, reviewed_at)
SELECT (now() AT TIME ZONE 'UTC')::date, b.id, c.id, 'bench', 'check_in', 50, 'bench:' || c.id, 'A goal is open.',
       'scheduled', now(), '[]', c.id, now(), now()
  FROM contractors c
 CROSS JOIN ige_batches b

-- name: due
-- One message to each, due now.
INSERT INTO ai_proactive_messages (contractor_id, message_type, message_content, ai_reasoning, context_data, trigger_name,
                                   dedupe_key, decision_id, priority, expires_at)
SELECT d.contractor_id, d.message_type, 'Hi Ada, how did the call with the two suppliers go? ' || repeat('.', 100),
       'A goal of priority 8 has an open item.', '{}', d.trigger_name, d.dedupe_key, d.id, 30 + d.id % 60,
       now() + interval '24 hours'
  FROM ige_decisions d
 ORDER BY d.id

-- name: sent
-- What was sent long ago: three years of it, to everybody.
INSERT INTO ai_proactive_messages (contractor_id, message_type, message_content, created_at, updated_at, sent_at, attempts,
                                   trigger_name, idempotency_key)
SELECT 1 + n %% 50000, 'check_in', 'Hi', at.moment, at.moment, at.moment, 1, 'bench', gen_random_uuid()
  FROM generate_series(%(first)s::integer, %(last)s::integer) n
 CROSS JOIN LATERAL (SELECT NOW()::timestamp - interval '40 days' - n * interval '9 seconds' AS moment) at

-- name: delivered
-- How many arrived, by our own books.
SELECT count(*) AS messages FROM ai_proactive_messages WHERE sent_at > NOW() - interval '1 hour'

-- name: server_process
-- A child of the server, whose CPU is looked up from the operating system.
SELECT pg_backend_pid() AS pid
