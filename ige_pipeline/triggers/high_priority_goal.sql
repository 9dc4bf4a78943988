-- trigger:      high_priority_goal
-- message_type: check_in
-- priority:     70
-- subject:      ai_concierge_goals
-- repeat_days:  high_priority_repeat_days
-- at_most:      high_priority_at_most
-- Goals that matter most and still have something open: ask how the oldest open item is going.
SELECT g.contractor_id,
       g.id AS subject_id,
       NULL AS occurrence,
       g.priority_score AS urgency,
       GREATEST(g.updated_at, i.updated_at) AS changed_at,
       format('Goal #%%s has priority %%s and an open checklist item (#%%s).', g.id, g.priority_score, i.id) AS reason,
       jsonb_build_object('goal', g.goal_description, 'item', i.checklist_item, 'item_id', i.id,
                          'next_milestone', g.next_milestone, 'progress', g.current_progress,
                          'priority_score', g.priority_score) AS facts
  FROM ai_concierge_goals g
 CROSS JOIN LATERAL (SELECT i.id, i.checklist_item, i.updated_at
                       FROM ai_concierge_checklist_items i
                      WHERE i.goal_id = g.id
                        AND i.status = 'pending'
                        AND (i.created_at <= %(as_of)s) IS NOT FALSE
                      ORDER BY i.id
                      LIMIT 1) i
 WHERE g.status = 'active'
   AND g.priority_score >= %(high_priority_min_score)s
   AND (g.created_at <= %(as_of)s) IS NOT FALSE
