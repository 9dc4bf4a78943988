-- trigger:      resource_suggestion
-- message_type: resource_suggestion
-- priority:     40
-- subject:      ai_concierge_goals
-- repeat_days:  each
-- at_most:      suggestion_at_most
-- What helped others with the same pattern, when we are sure enough; each pattern is suggested once for each goal.
SELECT g.contractor_id,
       g.id AS subject_id,
       md5(g.pattern_source) AS occurrence,
       g.pattern_confidence AS urgency,
       g.updated_at AS changed_at,
       format('Goal #%%s follows a known pattern with confidence %%s.', g.id, g.pattern_confidence) AS reason,
       jsonb_build_object('goal', g.goal_description, 'pattern', g.pattern_source, 'next_milestone', g.next_milestone,
                          'item', (SELECT i.checklist_item
                                     FROM ai_concierge_checklist_items i
                                    WHERE i.goal_id = g.id AND i.status = 'pending'
                                    ORDER BY i.id LIMIT 1)) AS facts
  FROM ai_concierge_goals g
 WHERE g.status = 'active'
   AND (g.created_at <= %(as_of)s) IS NOT FALSE
   AND g.pattern_confidence >= %(suggestion_min_confidence)s::numeric
   AND g.pattern_confidence <> 'NaN'
   AND NULLIF(btrim(g.pattern_source), '') IS NOT NULL
   -- The application's own suggestions do not say which pattern they followed: one for the goal is enough.
   AND NOT EXISTS (SELECT 1
                     FROM ai_proactive_messages m
                    WHERE m.subject_id IS NULL
                      AND m.context_data ->> 'goal_id' = g.id::text
                      AND m.message_type = 'resource_suggestion'
                      AND m.expired_at IS NULL
                      AND ige_counts_as_written(m.cancelled_at, m.cancel_reason, m.dead_at, m.dead_reason))

-- nearest
-- What each of a contractor's rows still lacks; `over` is one that will never fire again.
SELECT g.id AS subject_id,
       COALESCE(g.status IN ('completed', 'abandoned'), false) AS over,
       array_remove(ARRAY[
           CASE WHEN g.status IS DISTINCT FROM 'active'
                THEN format('goal #%%s is %%s, not active', g.id, COALESCE(g.status, 'without a status')) END,
           CASE WHEN g.created_at > %(as_of)s THEN format('goal #%%s is dated in the future', g.id) END,
           CASE WHEN NULLIF(btrim(g.pattern_source), '') IS NULL THEN format('goal #%%s follows no pattern', g.id)
                WHEN g.pattern_confidence IS NULL OR g.pattern_confidence = 'NaN'
                THEN format('nobody knows how sure the pattern of goal #%%s is', g.id)
                WHEN g.pattern_confidence < %(suggestion_min_confidence)s::numeric
                THEN format('the pattern of goal #%%s has confidence %%s, and %%s is the least', g.id,
                            g.pattern_confidence, %(suggestion_min_confidence)s::float8) END,
           CASE WHEN EXISTS (SELECT 1 FROM ai_proactive_messages m
                              WHERE m.subject_id IS NULL
                                AND m.context_data ->> 'goal_id' = g.id::text
                                AND m.message_type = 'resource_suggestion'
                                AND m.expired_at IS NULL
                                AND ige_counts_as_written(m.cancelled_at, m.cancel_reason, m.dead_at, m.dead_reason))
                THEN format('the application itself has suggested something for goal #%%s', g.id) END], NULL) AS missing
  FROM ai_concierge_goals g
 WHERE g.contractor_id = %(contractor_id)s
