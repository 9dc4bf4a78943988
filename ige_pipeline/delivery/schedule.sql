-- name: take_turns
-- Overlapping batches schedule one after the other, so that each sees what the other put into the outbox.
SELECT pg_advisory_xact_lock(hashtext('ige_schedule_messages'))

-- name: expire_drafts
-- Expiry counts from as-of: a backfill of an old hour explains much and sends nothing stale.
UPDATE ige_decisions
   SET verdict = 'expired',
       decided_at = now(),
       reasons = reasons || jsonb_build_array(jsonb_build_object(
                     'reason', 'stale', 'observed', %(as_of)s::timestamptz, 'limit', %(expire_after_hours)s::float8))
 WHERE batch_id = %(batch_id)s
   AND decided_on = %(decided_on)s
   AND verdict IS NULL
   AND reviewed_at IS NOT NULL
   AND GREATEST(%(as_of)s::timestamptz, not_before)
       + make_interval(secs => %(expire_after_hours)s::float8 * 3600) <= now()

-- name: schedule
-- The outbox row and the ledger's verdict are one statement: there is no message that no decision explains. A contractor
-- who meanwhile has something waiting, or was written to within the gap, gets nothing from this batch.
WITH ready AS (
    SELECT d.*
      FROM ige_decisions d
     WHERE d.batch_id = %(batch_id)s
       AND d.decided_on = %(decided_on)s
       AND d.verdict IS NULL
       AND d.reviewed_at IS NOT NULL
       AND (d.promised OR NOT EXISTS (
               SELECT 1
                 FROM ai_proactive_messages m
                WHERE m.contractor_id = d.contractor_id
                  AND m.dead_at IS NULL AND m.cancelled_at IS NULL AND m.expired_at IS NULL
                  AND (m.sent_at IS NULL
                       OR m.sent_at > now() - make_interval(secs => %(min_gap_hours)s::float8 * 3600))))
), inserted AS (
    INSERT INTO ai_proactive_messages (contractor_id, message_type, message_content, ai_reasoning, context_data,
                                       created_at, updated_at, idempotency_key, trigger_name, subject_table, subject_id,
                                       occurrence, dedupe_key, source_message_type, decision_id, priority, not_before,
                                       expires_at)
    SELECT r.contractor_id, r.message_type, r.draft, r.ai_reasoning,
           r.facts || jsonb_build_object('trigger', r.trigger_name) || CASE r.subject_table
               WHEN 'ai_concierge_goals' THEN jsonb_build_object('goal_id', r.subject_id)
               WHEN 'ai_concierge_checklist_items' THEN jsonb_build_object('item_id', r.subject_id)
               ELSE '{}'::jsonb END,
           NOW(), NOW(), gen_random_uuid(), r.trigger_name, r.subject_table, r.subject_id, r.occurrence, r.dedupe_key,
           r.source_message_type, r.id, r.priority, r.not_before,
           GREATEST(%(as_of)s::timestamptz, r.not_before) + make_interval(secs => %(expire_after_hours)s::float8 * 3600)
      FROM ready r
     ORDER BY r.priority DESC, r.id
    ON CONFLICT (dedupe_key) WHERE dead_at IS NULL AND cancelled_at IS NULL AND expired_at IS NULL DO NOTHING
    RETURNING id, decision_id
)
UPDATE ige_decisions d
   SET verdict = 'scheduled', decided_at = now(), message_id = inserted.id
  FROM inserted
 WHERE d.id = inserted.decision_id
   AND d.decided_on = %(decided_on)s

-- name: schedule_nothing
-- A dry run says what it would have scheduled and leaves the outbox alone.
UPDATE ige_decisions
   SET verdict = 'scheduled', decided_at = now()
 WHERE batch_id = %(batch_id)s
   AND decided_on = %(decided_on)s
   AND verdict IS NULL
   AND reviewed_at IS NOT NULL

-- name: explain_the_rest
-- What another batch scheduled between our screening and now.
UPDATE ige_decisions
   SET verdict = 'blocked',
       decided_at = now(),
       reasons = reasons || '[{"reason": "undelivered", "observed": "scheduled meanwhile", "limit": null}]'
 WHERE batch_id = %(batch_id)s
   AND decided_on = %(decided_on)s
   AND verdict IS NULL
   AND reviewed_at IS NOT NULL

-- name: scheduled_preview
-- A few of the batch's messages for the op's metadata: no text, no number.
SELECT d.message_id, d.contractor_id, d.trigger_name, d.message_type, d.draft_source, length(d.draft) AS characters,
       d.not_before
  FROM ige_decisions d
 WHERE d.batch_id = %(batch_id)s
   AND d.decided_on = %(decided_on)s
   AND d.verdict = 'scheduled'
 ORDER BY d.priority DESC, d.id
 LIMIT 20
