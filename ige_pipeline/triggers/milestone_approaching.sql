-- trigger:      milestone_approaching
-- message_type: milestone_follow_up
-- priority:     60
-- subject:      ai_concierge_goals
-- repeat_days:  approaching_repeat_days
-- at_most:      approaching_at_most
-- Goals whose next milestone is near: progress says so, or something of the contractor's falls due within days.
SELECT g.contractor_id,
       g.id AS subject_id,
       NULL AS occurrence,
       COALESCE(g.current_progress, 0) AS urgency,
       GREATEST(g.updated_at, due.updated_at) AS changed_at,
       CASE WHEN due.id IS NOT NULL
            THEN format('Action item #%%s is due in %%s days while goal #%%s is active.', due.id, due.days, g.id)
            ELSE format('Goal #%%s is at %%s%%%% and its next milestone is near.', g.id, g.current_progress)
       END AS reason,
       jsonb_build_object('goal', g.goal_description, 'next_milestone', g.next_milestone,
                          'progress', g.current_progress, 'action_item', due.title, 'action_item_id', due.id,
                          'due_in_days', due.days) AS facts
  FROM ai_concierge_goals g
  -- What falls due within days is little; asking about each goal's contractor by itself costs more than the goals do.
  LEFT JOIN (SELECT DISTINCT ON (a.contractor_id) a.contractor_id, a.id, a.title, a.updated_at,
                    CEIL(EXTRACT(EPOCH FROM a.due_date - %(as_of)s::timestamptz) / 86400) AS days
               FROM contractor_action_items a
              WHERE a.status NOT IN ('completed', 'cancelled')
                AND a.completed_at IS NULL
                AND (a.created_at <= %(as_of)s) IS NOT FALSE
                AND a.due_date > %(as_of)s
                AND a.due_date <= %(as_of)s::timestamptz + make_interval(secs => %(approaching_within_days)s * 86400)
                -- Once, and not with each goal of theirs.
                AND NOT EXISTS (SELECT 1
                                  FROM ai_proactive_messages m
                                 WHERE m.trigger_name = 'milestone_approaching'
                                   AND m.context_data ->> 'action_item_id' = a.id::text
                                   AND m.expired_at IS NULL
                                   AND ige_counts_as_written(m.cancelled_at, m.cancel_reason, m.dead_at, m.dead_reason)
                                   AND (num_nonnulls(m.sent_at, m.cancelled_at, m.dead_at) = 0
                                        OR GREATEST(m.sent_at::timestamptz, m.cancelled_at, m.dead_at)
                                           > %(as_of)s::timestamptz
                                             - make_interval(secs => %(approaching_repeat_days)s * 86400)))
              ORDER BY a.contractor_id, a.due_date, a.id) due ON due.contractor_id = g.contractor_id
 WHERE g.status = 'active'
   AND (g.created_at <= %(as_of)s) IS NOT FALSE
   AND (due.id IS NOT NULL
        OR (NULLIF(btrim(g.next_milestone), '') IS NOT NULL AND g.current_progress >= %(approaching_min_progress)s))

-- nearest
-- What each of a contractor's rows still lacks; `over` is one that will never fire again.
SELECT g.id AS subject_id,
       COALESCE(g.status IN ('completed', 'abandoned'), false) AS over,
       array_remove(ARRAY[
           CASE WHEN g.status IS DISTINCT FROM 'active'
                THEN format('goal #%%s is %%s, not active', g.id, COALESCE(g.status, 'without a status')) END,
           CASE WHEN g.created_at > %(as_of)s THEN format('goal #%%s is dated in the future', g.id) END,
           CASE WHEN NULLIF(btrim(g.next_milestone), '') IS NULL
                THEN format('goal #%%s has no next milestone, and no action item is newly due within %%s days', g.id,
                            %(approaching_within_days)s::float8)
                WHEN g.current_progress IS NULL
                THEN format('nobody knows how far goal #%%s is, and no action item is newly due within %%s days', g.id,
                            %(approaching_within_days)s::float8)
                WHEN g.current_progress < %(approaching_min_progress)s
                THEN format('goal #%%s is at %%s%%%%, %%s%%%% is near, and no action item is newly due within %%s days',
                            g.id, g.current_progress, %(approaching_min_progress)s::int,
                            %(approaching_within_days)s::float8) END], NULL) AS missing
  FROM ai_concierge_goals g
 WHERE g.contractor_id = %(contractor_id)s
