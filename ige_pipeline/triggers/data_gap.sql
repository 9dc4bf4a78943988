-- trigger:      data_gap
-- message_type: check_in
-- priority:     30
-- subject:      ai_concierge_goals
-- repeat_days:  data_gap_repeat_days
-- at_most:      data_gap_at_most
-- Something we would need to know to help with a goal: ask one question, the first that is open.
SELECT g.contractor_id,
       g.id AS subject_id,
       NULL AS occurrence,
       g.priority_score AS urgency,
       g.updated_at AS changed_at,
       format('Goal #%%s has %%s open data gaps.', g.id, jsonb_array_length(g.data_gaps)) AS reason,
       jsonb_build_object('goal', g.goal_description,
                          'gap', COALESCE(g.data_gaps -> 0 ->> 'question', g.data_gaps -> 0 ->> 'description',
                                          g.data_gaps -> 0 ->> 'field', g.data_gaps ->> 0)) AS facts
  FROM ai_concierge_goals g
 WHERE g.status = 'active'
   AND (g.created_at <= %(as_of)s) IS NOT FALSE
   AND jsonb_typeof(g.data_gaps) = 'array'
   AND g.data_gaps <> '[]'

-- nearest
-- What each of a contractor's rows still lacks; the row that lacks least answers "why not?".
SELECT g.id AS subject_id,
       array_remove(ARRAY[
           CASE WHEN g.status <> 'active' THEN format('goal #%%s is %%s, not active', g.id, g.status) END,
           CASE WHEN g.data_gaps IS NULL OR jsonb_typeof(g.data_gaps) <> 'array' OR g.data_gaps = '[]'
                THEN format('goal #%%s has no open question', g.id) END], NULL) AS missing
  FROM ai_concierge_goals g
 WHERE g.contractor_id = %(contractor_id)s
