-- name: close_follow_ups
-- What will not be sent any more is taken off the old system's list, with the ledger saying why.
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

-- name: close_event_messages
-- The old system shows a failed event message with its error; so do we.
UPDATE event_messages e
   SET status = 'failed', error_message = d.reasons -> 0 ->> 'reason', updated_at = NOW()
  FROM ige_decisions d
 WHERE d.batch_id = %(batch_id)s
   AND d.decided_on = %(decided_on)s
   AND NOT d.dry_run
   AND d.trigger_name = 'event_message_due'
   AND e.id = d.subject_id
   AND e.status = 'scheduled'
   AND (d.verdict IN ('expired', 'rejected')
        OR d.reasons @> '[{"reason": "no_phone"}]'
        OR d.reasons @> '[{"reason": "impossible_phone"}]')

-- name: keep_follow_ups
-- Once sent, a follow-up says so, and a recurring one is given its next time, linked from this one. Without a message id
-- it mends what a run that died left between the two writes.
WITH sent AS (
    UPDATE contractor_followup_schedules f
       SET status = 'sent', sent_at = m.sent_at, sent_by = 'ige_pipeline', updated_at = NOW()
      FROM ai_proactive_messages m
     WHERE m.subject_table = 'contractor_followup_schedules'
       AND m.subject_id = f.id
       AND m.trigger_name = 'follow_up_due'
       AND m.sent_at IS NOT NULL
       AND f.status = 'scheduled'
       AND (%(message_id)s::bigint IS NULL OR m.id = %(message_id)s)
    RETURNING f.*
), planned AS (
    SELECT s.*, nextval(pg_get_serial_sequence('contractor_followup_schedules', 'id')) AS next_id,
           -- The next time on the same grid that still lies ahead, so that a late one is not followed by a burst.
           s.scheduled_time + make_interval(days => s.recurrence_interval_days * GREATEST(1, CEIL(
               EXTRACT(EPOCH FROM NOW() - s.scheduled_time) / (86400 * s.recurrence_interval_days))::int)) AS next_time
      FROM sent s
     WHERE s.is_recurring
       AND s.recurrence_interval_days > 0
), next AS (
    INSERT INTO contractor_followup_schedules (id, contractor_id, action_item_id, event_id, scheduled_time,
                                               followup_type, message_template, message_tone, status,
                                               ai_should_personalize, ai_context_hints, skip_if_completed,
                                               is_recurring, recurrence_interval_days, created_at, updated_at)
    SELECT p.next_id, p.contractor_id, p.action_item_id, p.event_id, p.next_time, p.followup_type, p.message_template,
           p.message_tone, 'scheduled', p.ai_should_personalize, p.ai_context_hints, p.skip_if_completed, true,
           p.recurrence_interval_days, NOW(), NOW()
      FROM planned p
    RETURNING id
)
SELECT p.id, p.next_id
  FROM planned p
  JOIN next ON next.id = p.next_id

-- name: link_follow_up
-- A row cannot be written twice in one statement, so the link follows in a second one of the same transaction.
UPDATE contractor_followup_schedules SET next_occurrence_id = %(next_id)s WHERE id = %(id)s

-- name: keep_event_messages
-- The old system reads these two columns.
UPDATE event_messages e
   SET status = 'sent', actual_send_time = m.sent_at, updated_at = NOW()
  FROM ai_proactive_messages m
 WHERE m.subject_table = 'event_messages'
   AND m.subject_id = e.id
   AND m.trigger_name = 'event_message_due'
   AND m.sent_at IS NOT NULL
   AND e.status = 'scheduled'
   AND (%(message_id)s::bigint IS NULL OR m.id = %(message_id)s)

-- name: no_longer_wanted
-- What has happened since a message was written that makes it wrong to send: each row is one reason.
SELECT why.reason
  FROM ai_proactive_messages m
 CROSS JOIN LATERAL (
    SELECT 'item_completed' AS reason
      FROM contractor_followup_schedules f
      JOIN contractor_action_items a ON a.id = f.action_item_id
     WHERE m.trigger_name = 'follow_up_due' AND f.id = m.subject_id AND COALESCE(f.skip_if_completed, true)
       AND (a.status = 'completed' OR a.completed_at IS NOT NULL)
    UNION ALL
    SELECT 'no_longer_planned'
      FROM contractor_followup_schedules f
     WHERE m.trigger_name = 'follow_up_due' AND f.id = m.subject_id AND f.status <> 'scheduled'
    UNION ALL
    SELECT 'no_longer_planned'
      FROM event_messages e
     WHERE m.trigger_name = 'event_message_due' AND e.id = m.subject_id AND e.status <> 'scheduled'
    UNION ALL
    SELECT 'goal_closed'
      FROM ai_concierge_goals g
     WHERE m.subject_table = 'ai_concierge_goals' AND g.id = m.subject_id AND g.status <> 'active'
    UNION ALL
    SELECT 'item_completed'
      FROM contractor_action_items a
     WHERE m.subject_table = 'contractor_action_items' AND a.id = m.subject_id
       AND (a.status = 'completed' OR a.completed_at IS NOT NULL)
    UNION ALL
    SELECT 'item_completed'
      FROM ai_concierge_checklist_items i
     WHERE i.id = CASE WHEN m.trigger_name IN ('high_priority_goal', 'stalled_goal')
                       THEN (m.context_data ->> 'item_id')::bigint END
       AND i.status = 'completed'
    UNION ALL
    (SELECT 'replied'
       FROM ai_proactive_messages r
      WHERE m.source_message_type IS NULL
        AND r.contractor_id = m.contractor_id
        AND r.response_received_at > m.created_at
      LIMIT 1)) AS why
 WHERE m.id = %(message_id)s
