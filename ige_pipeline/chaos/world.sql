-- name: people
-- Made-up people, each awake and with a number of their own, and one message to each.
WITH people AS (
    INSERT INTO contractors (first_name, last_name, phone, timezone)
    SELECT 'Ada', 'Builder' || n, '+4420' || (79000000 + n), %(zone)s
      FROM generate_series(1 + (SELECT count(*) FROM contractors),
                           %(messages)s + (SELECT count(*) FROM contractors)) AS n
    RETURNING id
)
INSERT INTO ai_proactive_messages (contractor_id, message_type, message_content, ai_reasoning, context_data)
SELECT id, 'check_in', 'Hi Ada, how did the call with the suppliers go?', 'An item is open.', '{}'
  FROM people

-- name: unmarked
-- Of those that were posted, the ones that the table does not know to be sent.
SELECT id FROM ai_proactive_messages WHERE id = ANY (%(ids)s::bigint[]) AND sent_at IS NULL ORDER BY id

-- name: not_sent
-- What is neither sent nor, with its reason, at an end.
SELECT id FROM ai_proactive_messages WHERE sent_at IS NULL ORDER BY id

-- name: all_messages
-- Everything that there is to deliver.
SELECT id FROM ai_proactive_messages ORDER BY id

-- name: cut_everybody
-- As a fail-over or an administrator would.
SELECT pg_terminate_backend(pid)
  FROM pg_stat_activity
 WHERE datname = current_database() AND pid <> pg_backend_pid()
