-- trigger:      milestone_achieved
-- message_type: celebration
-- priority:     80
-- subject:      ai_concierge_checklist_items
-- repeat_days:  never
-- at_most:      celebrate_at_most
-- A checklist item was completed: celebrate it once, while it is fresh.
SELECT i.contractor_id,
       i.id AS subject_id,
       to_char(i.completed_at, 'YYYY-MM-DD"T"HH24:MI:SS') AS occurrence,
       EXTRACT(EPOCH FROM i.completed_at) AS urgency,
       i.updated_at AS changed_at,
       format('Checklist item #%%s of goal #%%s was completed.', i.id, i.goal_id) AS reason,
       jsonb_build_object('goal', g.goal_description, 'completed_item', i.checklist_item, 'item_id', i.id,
                          'goal_id', i.goal_id, 'next_milestone', g.next_milestone,
                          'progress', g.current_progress) AS facts
  FROM ai_concierge_checklist_items i
  LEFT JOIN ai_concierge_goals g ON g.id = i.goal_id
 WHERE i.status = 'completed'
   AND i.completed_at <= %(as_of)s
   AND i.completed_at > %(as_of)s::timestamptz - make_interval(secs => %(celebrate_within_days)s * 86400)

-- nearest
-- What each of a contractor's rows still lacks; `over` is one that will never fire again.
SELECT i.id AS subject_id,
       COALESCE(i.completed_at <= %(as_of)s::timestamptz - make_interval(secs => %(celebrate_within_days)s * 86400),
                false) AS over,
       array_remove(ARRAY[
           CASE WHEN i.completed_at IS NULL OR NOT isfinite(i.completed_at)
                THEN format('nobody knows when item #%%s was completed', i.id)
                WHEN i.completed_at > %(as_of)s THEN format('item #%%s was completed in the future', i.id)
                WHEN i.completed_at <= %(as_of)s::timestamptz - make_interval(secs => %(celebrate_within_days)s * 86400)
                THEN format('item #%%s was completed %%s days ago, and it must be less than %%s', i.id,
                            trunc(EXTRACT(EPOCH FROM %(as_of)s::timestamptz - i.completed_at) / 86400, 1),
                            %(celebrate_within_days)s::float8) END], NULL) AS missing
  FROM ai_concierge_checklist_items i
 WHERE i.contractor_id = %(contractor_id)s
   AND i.status = 'completed'
