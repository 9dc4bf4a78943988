-- name: people
-- So many contractors, each with a company that is named once.
INSERT INTO contractors (first_name, last_name, phone, company_name)
SELECT 'Ada', 'Builder', '+1212555' || lpad((n %% 10000)::text, 4, '0'), 'Firm ' || n
  FROM generate_series(1, %(messages)s::int) AS n

-- name: candidates
-- Each may be written to about a goal of its own, as screening leaves it.
INSERT INTO ige_decisions (decided_on, batch_id, contractor_id, trigger_name, message_type, priority, subject_table,
                           subject_id, occurrence, dedupe_key, reason, facts, screened_at, recipient_facts)
SELECT %(decided_on)s, %(batch_id)s, c.id, 'high_priority_goal', 'check_in', 70, 'ai_concierge_goals', c.id, 'first',
       'high_priority_goal:ai_concierge_goals:' || c.id || ':first', 'Goal #' || c.id || ' has priority 8.',
       '{"goal": "Win two commercial contracts", "item": "Call the two suppliers", "progress": 40}', now(),
       '{"trust_score": 65}'
  FROM contractors c

-- name: drafted
-- How many have a text, and by whom.
SELECT count(*) AS drafts, count(*) FILTER (WHERE draft_source LIKE 'model:%%') AS by_model
  FROM ige_decisions
 WHERE batch_id = %(batch_id)s
   AND decided_on = %(decided_on)s
   AND draft IS NOT NULL

-- name: at_work
-- Whether a run that was killed still has a statement under way: the server notices when it is done.
SELECT count(*) AS others
  FROM pg_stat_activity
 WHERE datname = current_database()
   AND backend_type = 'client backend'
   AND pid <> pg_backend_pid()
