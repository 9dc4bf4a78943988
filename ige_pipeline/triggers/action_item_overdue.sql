-- trigger:      action_item_overdue
-- message_type: course_correction
-- priority:     65
-- subject:      contractor_action_items
-- repeat_days:  overdue_repeat_days
-- at_most:      overdue_at_most
-- Something the contractor took on is past its date and not done: help to set a new course. Long ago is history.
SELECT a.contractor_id,
       a.id AS subject_id,
       NULL AS occurrence,
       EXTRACT(EPOCH FROM %(as_of)s::timestamptz - a.due_date) / 86400 AS urgency,
       a.updated_at AS changed_at,
       format('Action item #%%s is %%s days past its due date.', a.id,
              EXTRACT(DAY FROM %(as_of)s::timestamptz - a.due_date)) AS reason,
       jsonb_build_object('action_item', a.title, 'days_overdue',
                          EXTRACT(DAY FROM %(as_of)s::timestamptz - a.due_date)) AS facts
  FROM contractor_action_items a
 WHERE a.status NOT IN ('completed', 'cancelled')
   AND a.completed_at IS NULL
   AND (a.created_at <= %(as_of)s) IS NOT FALSE
   AND a.due_date < %(as_of)s
   AND a.due_date >= %(as_of)s::timestamptz - make_interval(secs => %(overdue_within_days)s * 86400)

-- nearest
-- What each of a contractor's rows still lacks; `over` is one that will never fire again.
SELECT a.id AS subject_id,
       COALESCE(a.completed_at IS NOT NULL OR a.status IN ('completed', 'cancelled')
                OR a.due_date < %(as_of)s::timestamptz - make_interval(secs => %(overdue_within_days)s * 86400),
                false) AS over,
       array_remove(ARRAY[
           CASE WHEN a.status IS NULL THEN format('action item #%%s is without a status', a.id)
                WHEN a.status IN ('completed', 'cancelled') THEN format('action item #%%s is %%s', a.id, a.status)
                WHEN a.completed_at IS NOT NULL THEN format('action item #%%s is completed', a.id) END,
           CASE WHEN a.created_at > %(as_of)s THEN format('action item #%%s is dated in the future', a.id) END,
           CASE WHEN a.due_date IS NULL OR NOT isfinite(a.due_date)
                THEN format('action item #%%s has no due date', a.id)
                WHEN a.due_date >= %(as_of)s
                THEN format('action item #%%s is due in %%s days', a.id,
                            trunc(EXTRACT(EPOCH FROM a.due_date - %(as_of)s::timestamptz) / 86400, 1))
                WHEN a.due_date < %(as_of)s::timestamptz - make_interval(secs => %(overdue_within_days)s * 86400)
                THEN format('action item #%%s was due %%s days ago, and more than %%s is history', a.id,
                            trunc(EXTRACT(EPOCH FROM %(as_of)s::timestamptz - a.due_date) / 86400, 1),
                            %(overdue_within_days)s::float8) END], NULL) AS missing
  FROM contractor_action_items a
 WHERE a.contractor_id = %(contractor_id)s
