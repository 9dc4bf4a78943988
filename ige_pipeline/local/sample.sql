-- name: take_turn
-- One load at a time: a second one waits, and then finds the first one's contractors.
SELECT pg_advisory_xact_lock(x'16E02'::int);

-- name: count_contractors
-- The database owns the clock.
SELECT count(*) AS contractors, now() AS now FROM contractors;

-- name: add_contractor
INSERT INTO contractors (first_name, last_name, email, phone, company_name, timezone,
                         ai_proactive_paused, ai_pause_reason, ai_pause_until, updated_at)
VALUES (%(first_name)s, %(last_name)s, %(email)s, %(phone)s, %(company)s, %(zone)s,
        %(pause_ends)s::interval IS NOT NULL, %(pause_reason)s, now() + %(pause_ends)s::interval, now());

-- name: add_goal
INSERT INTO ai_concierge_goals (contractor_id, goal_type, goal_description, target_milestone, priority_score,
                                current_progress, next_milestone, status, last_action_at, created_at, updated_at)
SELECT id, %(type)s, %(goal)s, %(target)s, %(priority)s,
       %(progress)s, %(next)s, 'active', now() - %(updated)s::interval, now() - interval '60 days',
       now() - %(updated)s::interval
  FROM contractors
 WHERE email = %(email)s;

-- name: add_item
INSERT INTO ai_concierge_checklist_items (goal_id, contractor_id, checklist_item, item_type, status,
                                          completed_at, created_at, updated_at)
SELECT g.id, g.contractor_id, %(item)s, 'action',
       CASE WHEN %(completed)s::interval IS NULL THEN 'pending' ELSE 'completed' END,
       now() - %(completed)s::interval, now() - interval '30 days',
       now() - COALESCE(%(completed)s::interval, interval '30 days')
  FROM contractors AS c
  JOIN ai_concierge_goals AS g ON g.contractor_id = c.id
 WHERE c.email = %(email)s;

-- name: add_message
-- A row as the old system left it, sent in the past: it names its goal in context_data.
INSERT INTO ai_proactive_messages (contractor_id, message_type, message_content, ai_reasoning, context_data, sent_at,
                                   contractor_response, response_received_at, created_at, updated_at)
SELECT c.id, 'check_in', %(text)s, 'Sent before this sandbox began.',
       CASE WHEN %(unrelated)s::boolean THEN '{}' ELSE jsonb_build_object('goal_id', g.id) END,
       now() - %(sent)s::interval, %(answer)s, now() - %(answered)s::interval,
       now() - %(sent)s::interval, now() - %(sent)s::interval
  FROM contractors AS c
  JOIN ai_concierge_goals AS g ON g.contractor_id = c.id
 WHERE c.email = %(email)s;

-- name: add_trust
INSERT INTO ai_trust_indicators (contractor_id, indicator_type, indicator_description, confidence_impact,
                                 cumulative_trust_score, recorded_at, created_at, updated_at)
SELECT c.id, kind.indicator_type, 'Part of the sample.', kind.impact,
       kind.score, kind.at, kind.at, kind.at
  FROM contractors AS c
 CROSS JOIN (SELECT %(trust)s::integer AS score,
                    CASE WHEN %(trust)s < 50 THEN 'ignored_suggestion' ELSE 'positive_feedback' END AS indicator_type,
                    CASE WHEN %(trust)s < 50 THEN -2 ELSE 5 END AS impact,
                    now() - interval '20 days' AS at) AS kind
 WHERE c.email = %(email)s;

-- name: add_follow_up
-- Somebody without a goal was promised a reminder, every two weeks, about something that they took on.
WITH person AS (
    SELECT c.id
      FROM contractors AS c
     WHERE NOT EXISTS (SELECT 1 FROM ai_concierge_goals AS g WHERE g.contractor_id = c.id)
     ORDER BY c.id
     LIMIT 1
), item AS (
    INSERT INTO contractor_action_items (contractor_id, title, status, due_date, created_at, updated_at)
    SELECT person.id, 'renew the trade licence', 'pending', now() + interval '9 days', now(), now() FROM person
    RETURNING id, contractor_id
)
INSERT INTO contractor_followup_schedules (contractor_id, action_item_id, scheduled_time, followup_type,
                                           message_template, status, ai_should_personalize, is_recurring,
                                           recurrence_interval_days, created_at, updated_at)
SELECT contractor_id, id, now() - interval '10 minutes', 'reminder',
       'Hi {firstName}, here is the reminder you asked for: renew the trade licence. Is it on its way?',
       'scheduled', false, true, 14, now(), now()
  FROM item;

-- name: add_event_message
-- Another one is going to an event and is told so in the organiser's words.
WITH event AS (
    INSERT INTO events (name, date, location) VALUES ('Spring Contractor Meetup', now() + interval '1 day', 'Hall 2')
    RETURNING id
)
INSERT INTO event_messages (event_id, contractor_id, message_type, scheduled_time, message_content, status, channel,
                            direction, created_at, updated_at)
SELECT event.id, c.id, 'event_reminder', now() - interval '10 minutes',
       'Hi {firstName}, {name} is tomorrow. See you there!', 'scheduled', 'sms', 'outbound', now(), now()
  FROM event, contractors AS c
 WHERE NOT EXISTS (SELECT 1 FROM ai_concierge_goals AS g WHERE g.contractor_id = c.id)
 ORDER BY c.id DESC
 LIMIT 1;
