-- trigger:      stalled_goal
-- message_type: encouragement
-- priority:     50
-- subject:      ai_concierge_goals
-- repeat_days:  stalled_repeat_days
-- at_most:      stalled_at_most
-- Goals that nobody has touched for a while: encourage the next small step.
SELECT g.contractor_id,
       g.id AS subject_id,
       NULL AS occurrence,
       EXTRACT(EPOCH FROM %(as_of)s::timestamptz - g.updated_at) / 86400 AS urgency,
       g.updated_at AS changed_at,
       format('Goal #%%s (priority %%s) has not been updated for %%s days.', g.id, g.priority_score,
              EXTRACT(DAY FROM %(as_of)s::timestamptz - g.updated_at)) AS reason,
       jsonb_build_object('goal', g.goal_description, 'item', i.checklist_item, 'item_id', i.id,
                          'next_milestone', g.next_milestone, 'progress', g.current_progress,
                          'priority_score', g.priority_score,
                          'days_quiet', EXTRACT(DAY FROM %(as_of)s::timestamptz - g.updated_at)) AS facts
  FROM ai_concierge_goals g
  LEFT JOIN LATERAL (SELECT i.id, i.checklist_item
                       FROM ai_concierge_checklist_items i
                      WHERE i.goal_id = g.id
                        AND i.status = 'pending'
                      ORDER BY i.id
                      LIMIT 1) i ON true
 WHERE g.status = 'active'
   AND g.priority_score >= %(stalled_min_score)s
   AND isfinite(g.updated_at)
   AND g.updated_at <= %(as_of)s::timestamptz - make_interval(secs => %(stalled_after_days)s * 86400)

-- nearest
-- What each of a contractor's rows still lacks; `over` is one that will never fire again.
SELECT g.id AS subject_id,
       COALESCE(g.status IN ('completed', 'abandoned'), false) AS over,
       array_remove(ARRAY[
           CASE WHEN g.status IS DISTINCT FROM 'active'
                THEN format('goal #%%s is %%s, not active', g.id, COALESCE(g.status, 'without a status')) END,
           CASE WHEN g.priority_score IS NULL THEN format('goal #%%s has no priority', g.id)
                WHEN g.priority_score < %(stalled_min_score)s
                THEN format('goal #%%s has priority %%s, and %%s is the least', g.id, g.priority_score,
                            %(stalled_min_score)s::int) END,
           CASE WHEN g.updated_at IS NULL OR NOT isfinite(g.updated_at)
                THEN format('nobody knows when goal #%%s was last updated', g.id)
                WHEN g.updated_at > %(as_of)s THEN format('the last update of goal #%%s is dated in the future', g.id)
                WHEN g.updated_at > %(as_of)s::timestamptz - make_interval(secs => %(stalled_after_days)s * 86400)
                THEN format('goal #%%s was updated %%s days ago, and %%s must pass', g.id,
                            trunc(EXTRACT(EPOCH FROM %(as_of)s::timestamptz - g.updated_at) / 86400, 1),
                            %(stalled_after_days)s::float8) END], NULL) AS missing
  FROM ai_concierge_goals g
 WHERE g.contractor_id = %(contractor_id)s
