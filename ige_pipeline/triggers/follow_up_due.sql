-- trigger:      follow_up_due
-- message_type: check_in
-- priority:     90
-- subject:      contractor_followup_schedules
-- repeat_days:  each
-- at_most:      all
-- promised:     yes
-- A follow-up whose time has come. Its own word is kept; the message type is the nearest of the six.
SELECT f.contractor_id,
       f.id AS subject_id,
       to_char(f.scheduled_time, 'YYYY-MM-DD"T"HH24:MI:SS') AS occurrence,
       EXTRACT(EPOCH FROM %(as_of)s::timestamptz - f.scheduled_time) AS urgency,
       NULL::timestamptz AS changed_at,
       format('Follow-up #%%s (%%s) was promised for %%s.', f.id, f.followup_type,
              to_char(f.scheduled_time, 'YYYY-MM-DD HH24:MI')) AS reason,
       jsonb_build_object('template', f.message_template, 'tone', f.message_tone,
                          'personalise', COALESCE(f.ai_should_personalize, true), 'hints', f.ai_context_hints,
                          'action_item', a.title,
                          'item_completed', COALESCE(f.skip_if_completed, true)
                                            AND (a.status = 'completed' OR a.completed_at IS NOT NULL)) AS facts,
       CASE f.followup_type WHEN 'reminder' THEN 'milestone_follow_up'
                            WHEN 'completion_confirmation' THEN 'milestone_follow_up'
                            WHEN 'offer_help' THEN 'resource_suggestion'
                            ELSE 'check_in' END AS message_type,
       COALESCE(f.followup_type, 'follow_up') AS source_message_type,
       f.scheduled_time::timestamptz AS due_at
  FROM contractor_followup_schedules f
  LEFT JOIN contractor_action_items a ON a.id = f.action_item_id
 WHERE f.status = 'scheduled'
   AND f.scheduled_time <= %(as_of)s
   AND isfinite(f.scheduled_time)

-- nearest
-- What each of a contractor's rows still lacks; `over` is one that will never fire again.
SELECT f.id AS subject_id,
       COALESCE(f.status IN ('sent', 'cancelled'), false) AS over,
       array_remove(ARRAY[
           CASE WHEN f.status IS DISTINCT FROM 'scheduled'
                THEN format('follow-up #%%s is %%s', f.id, COALESCE(f.status, 'without a status')) END,
           CASE WHEN f.scheduled_time IS NULL OR NOT isfinite(f.scheduled_time)
                THEN format('follow-up #%%s is planned for no time', f.id)
                WHEN f.scheduled_time > %(as_of)s
                THEN format('follow-up #%%s is planned for %%s', f.id,
                            to_char(f.scheduled_time, 'YYYY-MM-DD HH24:MI')) END], NULL) AS missing
  FROM contractor_followup_schedules f
 WHERE f.contractor_id = %(contractor_id)s
