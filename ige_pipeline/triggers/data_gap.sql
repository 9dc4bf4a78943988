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
       COALESCE(g.priority_score, 0) AS urgency,
       g.updated_at AS changed_at,
       format('Goal #%%s has %%s open data gaps.', g.id, gaps.open) AS reason,
       jsonb_build_object('goal', g.goal_description, 'gap', gaps.first) AS facts
  FROM ai_concierge_goals g
 CROSS JOIN LATERAL (SELECT count(*) AS open, (array_agg(said.question ORDER BY each.place))[1] AS first
                       FROM jsonb_array_elements(CASE jsonb_typeof(g.data_gaps) WHEN 'array' THEN g.data_gaps END)
                            WITH ORDINALITY AS each (gap, place)
                      CROSS JOIN LATERAL (SELECT ige_open_question(each.gap) AS question) said
                      WHERE said.question IS NOT NULL) gaps
 WHERE g.status = 'active'
   AND (g.created_at <= %(as_of)s) IS NOT FALSE
   AND jsonb_typeof(g.data_gaps) = 'array'
   AND g.data_gaps <> '[]'
   AND gaps.open > 0

-- nearest
-- What each of a contractor's rows still lacks; `over` is one that will never fire again.
SELECT g.id AS subject_id,
       COALESCE(g.status IN ('completed', 'abandoned'), false) AS over,
       array_remove(ARRAY[
           CASE WHEN g.status IS DISTINCT FROM 'active'
                THEN format('goal #%%s is %%s, not active', g.id, COALESCE(g.status, 'without a status')) END,
           CASE WHEN g.created_at > %(as_of)s THEN format('goal #%%s is dated in the future', g.id) END,
           CASE WHEN jsonb_typeof(g.data_gaps) NOT IN ('array', 'null')
                THEN format('the data gaps of goal #%%s are no list, and only a list is read', g.id)
                WHEN NOT EXISTS (
                    SELECT 1
                      FROM jsonb_array_elements(CASE jsonb_typeof(g.data_gaps) WHEN 'array' THEN g.data_gaps END)
                           AS each (gap)
                     WHERE ige_open_question(each.gap) IS NOT NULL)
                THEN format('goal #%%s has no open question', g.id) END], NULL) AS missing
  FROM ai_concierge_goals g
 WHERE g.contractor_id = %(contractor_id)s
