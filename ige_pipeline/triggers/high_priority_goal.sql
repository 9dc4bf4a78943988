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

-- nearest
-- What each of a contractor's rows still lacks; `over` is one that will never fire again.
SELECT g.id AS subject_id,
       COALESCE(g.status IN ('completed', 'abandoned'), false) AS over,
       array_remove(ARRAY[
           CASE WHEN g.status IS DISTINCT FROM 'active'
                THEN format('goal #%%s is %%s, not active', g.id, COALESCE(g.status, 'without a status')) END,
           CASE WHEN g.created_at > %(as_of)s THEN format('goal #%%s is dated in the future', g.id) END,
           CASE WHEN g.priority_score IS NULL THEN format('goal #%%s has no priority', g.id)
                WHEN g.priority_score < %(high_priority_min_score)s
                THEN format('goal #%%s has priority %%s, and %%s is the least', g.id, g.priority_score,
                            %(high_priority_min_score)s::int) END,
           CASE WHEN NOT EXISTS (SELECT 1 FROM ai_concierge_checklist_items i
                                  WHERE i.goal_id = g.id AND i.status = 'pending'
                                    AND (i.created_at <= %(as_of)s) IS NOT FALSE)
                THEN format('goal #%%s has no open checklist item', g.id) END], NULL) AS missing
  FROM ai_concierge_goals g
 WHERE g.contractor_id = %(contractor_id)s
