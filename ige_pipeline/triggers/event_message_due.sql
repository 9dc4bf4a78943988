-- trigger:      event_message_due
-- message_type: milestone_follow_up
-- priority:     95
-- subject:      event_messages
-- repeat_days:  each
-- at_most:      all
-- promised:     yes
-- A text around an event whose time has come; it goes out in its own words, with the names filled in.
SELECT e.contractor_id,
       e.id AS subject_id,
       to_char(e.scheduled_time, 'YYYY-MM-DD"T"HH24:MI:SS') AS occurrence,
       EXTRACT(EPOCH FROM %(as_of)s::timestamptz - e.scheduled_time) AS urgency,
       NULL::timestamptz AS changed_at,
       format('Event message #%%s of event #%%s was planned for %%s.', e.id, e.event_id,
              to_char(e.scheduled_time, 'YYYY-MM-DD HH24:MI')) AS reason,
       jsonb_build_object('template', e.message_content, 'personalise', false, 'event_name', ev.name,
                          'names', e.personalization_data) AS facts,
       'milestone_follow_up' AS message_type,
       COALESCE(e.message_type, 'event') AS source_message_type,
       e.scheduled_time::timestamptz AS due_at
  FROM event_messages e
  LEFT JOIN events ev ON ev.id = e.event_id
 WHERE e.status = 'scheduled'
   AND e.channel = 'sms'
   AND COALESCE(e.direction, 'outbound') = 'outbound'
   AND e.scheduled_time <= %(as_of)s
   AND isfinite(e.scheduled_time)

-- nearest
-- What each of a contractor's rows still lacks; `over` is one that will never fire again.
SELECT e.id AS subject_id,
       COALESCE(e.status <> 'scheduled', false) AS over,
       array_remove(ARRAY[
           CASE WHEN e.status IS DISTINCT FROM 'scheduled'
                THEN format('event message #%%s is %%s', e.id, COALESCE(e.status, 'without a status')) END,
           CASE WHEN e.channel IS DISTINCT FROM 'sms'
                THEN format('event message #%%s goes by %%s', e.id, COALESCE(e.channel, 'no channel')) END,
           CASE WHEN e.direction <> 'outbound' THEN format('event message #%%s is %%s', e.id, e.direction) END,
           CASE WHEN e.scheduled_time IS NULL OR NOT isfinite(e.scheduled_time)
                THEN format('event message #%%s is planned for no time', e.id)
                WHEN e.scheduled_time > %(as_of)s
                THEN format('event message #%%s is planned for %%s', e.id,
                            to_char(e.scheduled_time, 'YYYY-MM-DD HH24:MI')) END], NULL) AS missing
  FROM event_messages e
 WHERE e.contractor_id = %(contractor_id)s
