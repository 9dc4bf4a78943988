-- name: close_follow_ups
-- What will not be sent any more is taken off the old system's list, with the ledger saying why. Of a recurring one only
-- this occurrence is missed.
UPDATE contractor_followup_schedules f
   SET status = 'cancelled', updated_at = NOW()
  FROM ige_decisions d
 WHERE d.batch_id = %(batch_id)s
   AND d.decided_on = %(decided_on)s
   AND NOT d.dry_run
   AND d.trigger_name = 'follow_up_due'
   AND f.id = d.subject_id
   AND f.status = 'scheduled'
   AND (d.verdict = 'expired' OR d.reasons @> '[{"reason": "item_completed"}]')
RETURNING f.id, d.verdict = 'expired' AS goes_on

-- name: close_event_messages
-- The old system shows a failed event message with its error; so do we. One that is late has all reasons: another of them
-- may be why it could not leave in time.
UPDATE event_messages e
   SET status = 'failed', updated_at = NOW(),
       error_message = CASE WHEN d.verdict = 'expired' THEN (
               SELECT string_agg(each.reason ->> 'reason', ', ' ORDER BY each.place)
                 FROM jsonb_array_elements(d.reasons) WITH ORDINALITY AS each (reason, place))
           ELSE d.reasons -> 0 ->> 'reason' END
  FROM ige_decisions d
 WHERE d.batch_id = %(batch_id)s
   AND d.decided_on = %(decided_on)s
   AND NOT d.dry_run
   AND d.trigger_name = 'event_message_due'
   AND e.id = d.subject_id
   AND e.status = 'scheduled'
   AND (d.verdict IN ('expired', 'rejected')
        OR d.reasons @> '[{"reason": "no_phone"}]'
        OR d.reasons @> '[{"reason": "impossible_phone"}]'
        OR d.reasons @> '[{"reason": "unknown_contractor"}]')

-- name: fail_nobodys_event_messages
-- The ledger is kept by contractor, so what is to nobody says why in its own row. The number in it does not help: whether
-- it may be texted is known of contractors only.
UPDATE event_messages e
   SET status = 'failed', error_message = 'unknown_contractor', updated_at = NOW()
 WHERE e.contractor_id IS NULL
   AND e.status = 'scheduled'
   AND e.channel = 'sms'
   AND COALESCE(e.direction, 'outbound') = 'outbound'
   AND e.scheduled_time <= now()
   AND (SELECT value ->> 'state' = 'done' FROM ige_switches WHERE name = 'adoption')
RETURNING e.id

-- name: cancel_nobodys_follow_ups
-- As above; this table has no column for the reason, so the audit trail has it.
UPDATE contractor_followup_schedules f
   SET status = 'cancelled', updated_at = NOW()
 WHERE f.contractor_id IS NULL
   AND f.status = 'scheduled'
   AND f.scheduled_time <= now()
   AND (SELECT value ->> 'state' = 'done' FROM ige_switches WHERE name = 'adoption')
RETURNING f.id

-- name: drop_follow_up
-- A person cancelled its message: it is off the old system's list, or the next batch would write it again.
UPDATE contractor_followup_schedules f
   SET status = 'cancelled', updated_at = NOW()
  FROM ai_proactive_messages m
 WHERE m.id = %(message_id)s
   AND m.trigger_name = 'follow_up_due'
   AND m.subject_table = 'contractor_followup_schedules'
   AND f.id = m.subject_id
   AND m.occurrence = to_char(f.scheduled_time, 'YYYY-MM-DD"T"HH24:MI:SS')
   AND f.status = 'scheduled'
RETURNING f.id

-- name: drop_event_message
-- As above.
UPDATE event_messages e
   SET status = 'failed', error_message = m.cancel_reason, updated_at = NOW()
  FROM ai_proactive_messages m
 WHERE m.id = %(message_id)s
   AND m.trigger_name = 'event_message_due'
   AND m.subject_table = 'event_messages'
   AND e.id = m.subject_id
   AND m.occurrence = to_char(e.scheduled_time, 'YYYY-MM-DD"T"HH24:MI:SS')
   AND e.status = 'scheduled'

-- name: keep_follow_ups
-- Once sent, a follow-up says so. Without a message id this mends what a run that died left between the two writes.
UPDATE contractor_followup_schedules f
   SET status = 'sent', sent_at = m.sent_at, sent_by = 'ige_pipeline', updated_at = NOW()
  FROM ai_proactive_messages m
 WHERE m.subject_table = 'contractor_followup_schedules'
   AND m.subject_id = f.id
   AND m.trigger_name = 'follow_up_due'
   AND m.occurrence = to_char(f.scheduled_time, 'YYYY-MM-DD"T"HH24:MI:SS')
   AND m.sent_at IS NOT NULL
   AND f.status = 'scheduled'
   AND (%(message_id)s::bigint IS NULL OR m.id = %(message_id)s)
RETURNING f.id

-- name: close_dead_follow_ups
-- One that died waits for a person as long as it may still be sent; then it is off the list, and its series goes on. The
-- message remembers that it was us, so that a redrive can put it on the list again.
WITH closed AS (
    UPDATE contractor_followup_schedules f
       SET status = 'cancelled', updated_at = NOW()
      FROM ai_proactive_messages m
     WHERE m.subject_table = 'contractor_followup_schedules'
       AND m.subject_id = f.id
       AND m.trigger_name = 'follow_up_due'
       AND m.occurrence = to_char(f.scheduled_time, 'YYYY-MM-DD"T"HH24:MI:SS')
       AND m.dead_at IS NOT NULL
       AND m.expires_at <= now()
       AND f.status = 'scheduled'
    RETURNING f.id, m.id AS message_id
), remembered AS (
    UPDATE ai_proactive_messages m
       SET context_data = COALESCE(m.context_data, '{}') || '{"plan_closed": true}'
      FROM closed
     WHERE m.id = closed.message_id
)
SELECT id FROM closed

-- name: next_occurrence
-- The next time on the same grid that still lies ahead, so that a late one is not followed by a burst. An interval that
-- nobody can mean ends the series.
INSERT INTO contractor_followup_schedules (contractor_id, action_item_id, event_id, scheduled_time, followup_type,
                                           message_template, message_tone, status, ai_should_personalize,
                                           ai_context_hints, skip_if_completed, is_recurring, recurrence_interval_days,
                                           created_at, updated_at)
SELECT f.contractor_id, f.action_item_id, f.event_id,
       f.scheduled_time + make_interval(days => f.recurrence_interval_days * GREATEST(1, CEIL(
           EXTRACT(EPOCH FROM NOW() - f.scheduled_time) / (86400.0 * f.recurrence_interval_days))::int)),
       f.followup_type, f.message_template, f.message_tone, 'scheduled', f.ai_should_personalize, f.ai_context_hints,
       f.skip_if_completed, true, f.recurrence_interval_days, NOW(), NOW()
  FROM contractor_followup_schedules f
 WHERE f.id = %(id)s
   AND f.is_recurring
   AND f.recurrence_interval_days BETWEEN 1 AND 3650
   AND f.next_occurrence_id IS NULL
RETURNING id AS next_id

-- name: link_follow_up
-- Linked in the same transaction, so that a series goes on exactly once.
UPDATE contractor_followup_schedules SET next_occurrence_id = %(next_id)s WHERE id = %(id)s

-- name: fail_dead_event_messages
-- What died at the endpoint or for want of a number shows its reason in the old system, too.
UPDATE event_messages e
   SET status = 'failed', error_message = m.dead_reason, updated_at = NOW()
  FROM ai_proactive_messages m
 WHERE m.subject_table = 'event_messages'
   AND m.subject_id = e.id
   AND m.trigger_name = 'event_message_due'
   AND m.occurrence = to_char(e.scheduled_time, 'YYYY-MM-DD"T"HH24:MI:SS')
   AND m.dead_at IS NOT NULL
   AND e.status = 'scheduled'

-- name: keep_event_messages
-- The old system reads these two columns.
UPDATE event_messages e
   SET status = 'sent', actual_send_time = m.sent_at, updated_at = NOW()
  FROM ai_proactive_messages m
 WHERE m.subject_table = 'event_messages'
   AND m.subject_id = e.id
   AND m.trigger_name = 'event_message_due'
   AND m.occurrence = to_char(e.scheduled_time, 'YYYY-MM-DD"T"HH24:MI:SS')
   AND m.sent_at IS NOT NULL
   AND e.status = 'scheduled'
   AND (%(message_id)s::bigint IS NULL OR m.id = %(message_id)s)

-- name: no_longer_wanted
-- What has happened since a message was written that makes it wrong to send: each row is one message and reason.
SELECT DISTINCT m.id, why.reason
  FROM ai_proactive_messages m
 CROSS JOIN LATERAL (
    SELECT 'item_completed' AS reason
      FROM contractor_followup_schedules f
      JOIN contractor_action_items a ON a.id = f.action_item_id
     WHERE m.trigger_name = 'follow_up_due' AND f.id = m.subject_id AND COALESCE(f.skip_if_completed, true)
       AND (a.status = 'completed' OR a.completed_at IS NOT NULL)
    UNION ALL
    SELECT 'no_longer_planned'
     -- What goes once more, for the phone could not be reached, was sent before, and the plan says so.
     WHERE m.trigger_name = 'follow_up_due' AND m.resent IS NULL
       AND NOT EXISTS (SELECT 1
                         FROM contractor_followup_schedules f
                        WHERE f.id = m.subject_id AND f.status = 'scheduled'
                          AND to_char(f.scheduled_time, 'YYYY-MM-DD"T"HH24:MI:SS') = m.occurrence)
    UNION ALL
    SELECT 'no_longer_planned'
     WHERE m.trigger_name = 'event_message_due' AND m.resent IS NULL
       AND NOT EXISTS (SELECT 1
                         FROM event_messages e
                        WHERE e.id = m.subject_id AND e.status = 'scheduled'
                          AND to_char(e.scheduled_time, 'YYYY-MM-DD"T"HH24:MI:SS') = m.occurrence)
    UNION ALL
    -- Our own triggers write about goals that are active; one that somebody adds may write about others.
    SELECT 'goal_closed'
     WHERE m.trigger_name IN ('high_priority_goal', 'stalled_goal', 'milestone_approaching', 'data_gap',
                              'resource_suggestion')
       AND NOT EXISTS (SELECT 1 FROM ai_concierge_goals g WHERE g.id = m.subject_id AND g.status = 'active')
    UNION ALL
    SELECT 'goal_updated'
      FROM ai_concierge_goals g
     WHERE m.trigger_name = 'stalled_goal' AND g.id = m.subject_id AND g.updated_at > m.created_at
    UNION ALL
    SELECT 'item_completed'
      FROM contractor_action_items a
     WHERE a.id = CASE WHEN m.trigger_name = 'milestone_approaching'
                       THEN (m.context_data ->> 'action_item_id')::bigint END
       AND (a.status IN ('completed', 'cancelled') OR a.completed_at IS NOT NULL)
    UNION ALL
    SELECT 'item_completed'
      FROM contractor_action_items a
     WHERE m.subject_table = 'contractor_action_items' AND a.id = m.subject_id
       AND (a.status IN ('completed', 'cancelled') OR a.completed_at IS NOT NULL)
    UNION ALL
    -- Who has moved the date must not be told that it is over.
    SELECT 'changed_since'
      FROM contractor_action_items a
     WHERE m.trigger_name = 'action_item_overdue' AND a.id = m.subject_id
       AND (a.due_date < now()) IS NOT TRUE
    UNION ALL
    SELECT 'item_completed'
      FROM ai_concierge_checklist_items i
     WHERE i.id = CASE WHEN m.trigger_name IN ('high_priority_goal', 'stalled_goal')
                       THEN (m.context_data ->> 'item_id')::bigint END
       AND i.status IN ('completed', 'skipped')
    UNION ALL
    SELECT 'item_reopened'
     WHERE m.trigger_name = 'milestone_achieved'
       AND NOT EXISTS (SELECT 1
                         FROM ai_concierge_checklist_items i
                        WHERE i.id = m.subject_id AND i.status = 'completed')
    UNION ALL
    -- The question that the text asks, not any: what counts as open is one function (migration 0033).
    SELECT 'question_answered'
     WHERE m.trigger_name = 'data_gap'
       AND NOT EXISTS (
           SELECT 1
             FROM ai_concierge_goals g
            CROSS JOIN jsonb_array_elements(CASE jsonb_typeof(g.data_gaps) WHEN 'array' THEN g.data_gaps END)
                       AS each (gap)
            WHERE g.id = m.subject_id
              AND ige_open_question(each.gap) IS NOT NULL
              AND btrim(m.context_data ->> 'gap', E' \t\n\r\f\x0B')
                  IN (CASE jsonb_typeof(gap) WHEN 'string' THEN btrim(gap #>> '{}', E' \t\n\r\f\x0B') END,
                      btrim(gap ->> 'question', E' \t\n\r\f\x0B'), btrim(gap ->> 'description', E' \t\n\r\f\x0B'),
                      btrim(gap ->> 'field', E' \t\n\r\f\x0B')))
    UNION ALL
    -- A number that was never told who writes, or of which nobody knows: the next batch writes again and tells it.
    SELECT 'changed_since'
      FROM contractors c
     WHERE c.id = m.contractor_id AND m.written_for IS NOT NULL AND NOT m.says_opt_out
       AND NOT EXISTS (SELECT 1
                         FROM ige_phones p
                        WHERE p.raw = c.phone AND COALESCE(p.e164, p.local_digits) = m.written_for)
    UNION ALL
    (SELECT 'replied'
       FROM ai_proactive_messages r
      WHERE m.source_message_type IS NULL
        AND r.contractor_id = m.contractor_id
        -- Only what was sent is replied to; said so that an index finds it.
        AND r.sent_at IS NOT NULL
        AND r.response_received_at > m.created_at
      LIMIT 1)) AS why
 WHERE m.id = ANY (%(message_ids)s::bigint[])
 ORDER BY m.id, why.reason
