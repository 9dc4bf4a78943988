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
   AND g.pattern_confidence >= %(suggestion_min_confidence)s
   AND NULLIF(btrim(g.pattern_source), '') IS NOT NULL

-- nearest
-- What each of a contractor's rows still lacks; the row that lacks least answers "why not?".
SELECT g.id AS subject_id,
       array_remove(ARRAY[
           CASE WHEN g.status <> 'active' THEN format('goal #%%s is %%s, not active', g.id, g.status) END,
           CASE WHEN NULLIF(btrim(g.pattern_source), '') IS NULL THEN format('goal #%%s follows no pattern', g.id)
                WHEN COALESCE(g.pattern_confidence, 0) < %(suggestion_min_confidence)s
                THEN format('the pattern of goal #%%s has confidence %%s, and %%s is the least', g.id,
                            COALESCE(g.pattern_confidence, 0), %(suggestion_min_confidence)s::float8) END],
           NULL) AS missing
  FROM ai_concierge_goals g
 WHERE g.contractor_id = %(contractor_id)s
