-- name: seed
-- The same people every time.
SELECT setseed(0.42);

-- name: contractors
-- Spread around the world, so that at any hour of the day the same share of them sleeps.
INSERT INTO contractors (first_name, last_name, phone, company_name, ai_proactive_paused, ai_pause_until, timezone)
SELECT 'Ada', 'Builder' || n,
       CASE WHEN random() < 0.99 THEN '+1' || (2002000000 + n) END,
       'Builder ' || n || ' Roofing',
       random() < 0.02,
       CASE WHEN random() < 0.5 THEN localtimestamp + (floor(random() * 20) - 9.5) * interval '1 day' END,
       'Etc/GMT' || CASE WHEN n %% 24 < 12 THEN '+' ELSE '-' END || n %% 12
  FROM generate_series(1, %(contractors)s::bigint) AS n;

-- name: goals
-- Two each; three in five are active, and most were touched within the week.
INSERT INTO ai_concierge_goals (contractor_id, goal_type, goal_description, target_milestone, priority_score,
                                current_progress, next_milestone, status, created_at, updated_at)
SELECT n, 'growth', 'Win two commercial contracts', 'Two signed contracts', 1 + floor(random() * 10)::integer,
       floor(random() * 100)::integer, 'Send the first bid to a property manager',
       CASE WHEN random() < 0.6 THEN 'active' ELSE 'completed' END,
       localtimestamp - interval '40 days' - random() * interval '80 days',
       localtimestamp - random() * interval '9 days'
  FROM generate_series(1, %(contractors)s::bigint) AS n
 CROSS JOIN generate_series(1, 2);

-- name: items
-- Three a goal.
INSERT INTO ai_concierge_checklist_items (goal_id, contractor_id, checklist_item, item_type, status, completed_at,
                                          created_at, updated_at)
SELECT drawn.goal_id, drawn.contractor_id, 'Call the two suppliers about the spring prices', 'action', drawn.status,
       CASE WHEN drawn.status = 'completed' THEN localtimestamp - random() * interval '40 days' END,
       localtimestamp - interval '50 days', localtimestamp - interval '45 days'
  FROM (SELECT g.id AS goal_id, g.contractor_id,
               (ARRAY['pending', 'pending', 'pending', 'in_progress', 'skipped', 'completed', 'completed', 'completed',
                      'completed', 'completed'])[1 + floor(random() * 10)::integer] AS status
          FROM ai_concierge_goals g
         CROSS JOIN generate_series(1, 3)
         ORDER BY g.id) AS drawn;

-- name: trust
-- Three rows each, in the order of their time as they would lie in a table that grew; the latest decides.
INSERT INTO ai_trust_indicators (contractor_id, indicator_type, indicator_description, context_data, confidence_impact,
                                 cumulative_trust_score, recorded_at)
SELECT n, 'positive_feedback', 'Said that the last tip had helped', '{"channel": "sms"}', 5,
       CASE WHEN random() < 0.05 THEN 10 ELSE 20 + floor(random() * 80)::integer END,
       localtimestamp - random() * interval '90 days' AS recorded_at
  FROM generate_series(1, %(contractors)s::bigint) AS n
 CROSS JOIN generate_series(1, 3)
 ORDER BY recorded_at;

-- name: messages
-- Three each, in the order of their time, each about one of the contractor's goals: the oldest by the old system, which
-- names the goal in context_data only, the others by us. Half were answered; one contractor in fifty has one waiting. No
-- age comes near a limit of whole days: while the benchmark runs, the clock must not free anybody.
INSERT INTO ai_proactive_messages (contractor_id, message_type, message_content, ai_reasoning, context_data, sent_at,
                                   contractor_response, response_received_at, created_at, trigger_name, subject_table,
                                   subject_id, occurrence, dedupe_key)
SELECT drawn.contractor_id, 'check_in', 'Hi Ada, how did the call with the suppliers go? Anything in the way?',
       'Goal has priority 8 and an open checklist item.', jsonb_build_object('goal_id', drawn.goal_id),
       drawn.sent_at,
       CASE WHEN drawn.answered THEN 'All good' END,
       drawn.sent_at + CASE WHEN drawn.answered THEN interval '1 hour' END,
       COALESCE(drawn.sent_at, localtimestamp - interval '2 hours'),
       CASE WHEN drawn.ours THEN 'high_priority_goal' END,
       CASE WHEN drawn.ours THEN 'ai_concierge_goals' END,
       CASE WHEN drawn.ours THEN drawn.goal_id END,
       CASE WHEN drawn.ours THEN place::text END,
       CASE WHEN drawn.ours THEN concat_ws(':', 'high_priority_goal:ai_concierge_goals', drawn.goal_id, place) END
  FROM (SELECT n AS contractor_id, place, place > 1 AS ours,
               n * 2 - floor(random() * 2)::bigint AS goal_id,
               random() < 0.5 AS answered,
               CASE WHEN place < 3 OR random() < 0.98
                    THEN localtimestamp - interval '12 hours' - random() * interval '6 hours'
                         - (floor(random() * 20) + (3 - place) * 20) * interval '1 day' END AS sent_at
          FROM generate_series(1, %(contractors)s::bigint) AS n
         CROSS JOIN generate_series(1, 3) AS place) AS drawn
 ORDER BY drawn.sent_at;

-- name: goals_by_contractor
-- What any application would index, and what it kept in context_data, too: all for the sake of the reference methods.
CREATE INDEX ON ai_concierge_goals (contractor_id);

-- name: items_by_contractor
CREATE INDEX ON ai_concierge_checklist_items (contractor_id);

-- name: items_by_goal
CREATE INDEX ON ai_concierge_checklist_items (goal_id);

-- name: messages_by_contractor
CREATE INDEX ON ai_proactive_messages (contractor_id);

-- name: messages_by_goal
CREATE INDEX ON ai_proactive_messages ((context_data ->> 'goal_id'));

-- name: messages_by_item
CREATE INDEX ON ai_proactive_messages ((context_data ->> 'item_id'));

-- name: trust_by_contractor
CREATE INDEX ON ai_trust_indicators (contractor_id);
