-- name: take_turns
-- Overlapping batches schedule one after the other, so that each sees what the other put into the outbox.
SELECT pg_advisory_xact_lock(hashtext('ige_schedule_messages'))

-- name: expire_drafts
-- Expiry counts from as-of: a backfill of an old hour explains much and sends nothing stale. A dry run sends nothing
-- anyway: it goes on to the verdict that there would have been, or of an old hour it would show that it is old.
UPDATE ige_decisions
   SET verdict = CASE WHEN NOT dry_run THEN 'expired' END,
       decided_at = CASE WHEN NOT dry_run THEN now() END,
       reasons = reasons || jsonb_build_array(jsonb_build_object(
                     'reason', 'stale', 'observed', %(as_of)s::timestamptz, 'limit', %(expire_after_hours)s::float8))
 WHERE batch_id = %(batch_id)s
   AND decided_on = %(decided_on)s
   AND verdict IS NULL
   AND reviewed_at IS NOT NULL
   AND CASE WHEN promised THEN due_at + make_interval(secs => %(promised_late_hours)s::float8 * 3600)
            -- Whatever the quiet hours of today say: an old hour's batch is old.
            ELSE COALESCE(approved_at, %(as_of)s::timestamptz)
                 + make_interval(secs => %(expire_after_hours)s::float8 * 3600) END <= now()

-- name: one_for_each_person
-- Ranking sees one contractor's candidates of one screening. This sees the whole batch, with what an earlier run of this
-- op has scheduled: candidates that a repeated op added, and two contractors who share a number, which rings once.
WITH ranked AS (
    SELECT d.id, d.contractor_id, d.verdict, row_number() OVER best AS place,
           first_value(d.contractor_id) OVER best AS first_contractor,
           format('%%s (decision %%s)', first_value(d.trigger_name) OVER best, first_value(d.id) OVER best) AS first
      FROM ige_decisions d
      LEFT JOIN contractors c ON c.id = d.contractor_id AND length(c.phone) <= 64
      LEFT JOIN ige_phones p ON p.raw = c.phone AND p.region = %(default_region)s
     WHERE d.batch_id = %(batch_id)s
       AND d.decided_on = %(decided_on)s
       AND NOT d.promised
       AND ((d.verdict IS NULL AND d.reviewed_at IS NOT NULL) OR d.verdict = 'scheduled')
    WINDOW best AS (PARTITION BY COALESCE(p.e164, p.local_digits, 'contractor ' || d.contractor_id)
                        ORDER BY d.verdict NULLS LAST, d.priority DESC, d.urgency DESC, d.id)
)
UPDATE ige_decisions d
   SET verdict = 'outranked',
       decided_at = now(),
       reasons = d.reasons || jsonb_build_array(jsonb_build_object('observed', r.first) ||
           CASE WHEN r.first_contractor = r.contractor_id
                THEN '{"reason": "outranked", "limit": "one message per contractor and batch"}'::jsonb
                ELSE '{"reason": "same_number", "limit": "one message per number and batch"}' END)
  FROM ranked r
 WHERE d.id = r.id
   AND d.decided_on = %(decided_on)s
   AND r.place > 1
   AND r.verdict IS NULL

-- name: hold_if_too_many
-- A batch that would reach an unusual share of everybody is a mistake until a person says that it is not.
-- Counted once: inlined, and with statistics from before this batch, Postgres counted everybody anew for each row.
WITH proactive AS MATERIALIZED (
    SELECT count(*) AS ready
      FROM ige_decisions
     WHERE batch_id = %(batch_id)s AND decided_on = %(decided_on)s AND verdict IS NULL AND reviewed_at IS NOT NULL
       AND NOT promised AND approved_at IS NULL
), everybody AS MATERIALIZED (
    SELECT count(*) AS people FROM contractors
)
UPDATE ige_decisions d
   SET verdict = 'held',
       decided_at = now(),
       reasons = d.reasons || jsonb_build_array(jsonb_build_object(
           'reason', 'blast_radius', 'observed', format('%%s of %%s contractors', p.ready, e.people),
           'limit', CASE WHEN d.dry_run THEN 'of a batch that is no dry run'
                         ELSE format('ige batches approve %%s', d.batch_id) END))
  FROM proactive p, everybody e
 WHERE d.batch_id = %(batch_id)s
   AND d.decided_on = %(decided_on)s
   AND d.verdict IS NULL
   AND d.reviewed_at IS NOT NULL
   AND NOT d.promised
   AND d.approved_at IS NULL
   AND p.ready > %(blast_radius_at_least)s
   AND p.ready > %(blast_radius_share)s::float8 * e.people
   AND NOT EXISTS (SELECT 1 FROM ige_batches b WHERE b.id = d.batch_id AND b.approved_at IS NOT NULL)

-- name: approve
-- Signed by a person; the batch is not held again.
UPDATE ige_batches SET approved_at = now(), approved_by = %(who)s WHERE id = %(batch_id)s

-- name: own_hours
-- How long its own run said that it may be approved, whatever the settings are by now.
SELECT (settings ->> 'expire_after_hours')::float8 AS expire_after_hours
  FROM ige_batches
 WHERE id = %(batch_id)s
   AND settings ? 'expire_after_hours'

-- name: release_held
-- Undecided again, with the reason it was held for left out; what is too old by now expires with its own reason.
UPDATE ige_decisions
   SET verdict = NULL, decided_at = NULL,
       reasons = (SELECT COALESCE(jsonb_agg(each.reason), '[]')
                    FROM jsonb_array_elements(reasons) AS each (reason)
                   WHERE each.reason ->> 'reason' <> 'blast_radius')
 WHERE batch_id = %(batch_id)s
   AND decided_on = %(decided_on)s
   AND verdict = 'held'
   AND reasons @> '[{"reason": "blast_radius"}]'

-- name: postpone_backlog
-- More in the outbox than can leave (forecast.py) before it expires helps nobody: the least important wait for a later batch.
WITH room AS MATERIALIZED (
    SELECT GREATEST(0, %(clears_in_time)s::bigint - count(*)) AS free,
           count(*) AS waiting
      FROM ai_proactive_messages
     WHERE sent_at IS NULL AND dead_at IS NULL AND cancelled_at IS NULL AND expired_at IS NULL
), ranked AS (
    SELECT id, row_number() OVER (ORDER BY priority DESC, urgency DESC, id) AS place
      FROM ige_decisions
     WHERE batch_id = %(batch_id)s AND decided_on = %(decided_on)s AND verdict IS NULL AND reviewed_at IS NOT NULL
       AND NOT promised AND approved_at IS NULL
)
UPDATE ige_decisions d
   SET verdict = 'postponed',
       decided_at = now(),
       reasons = d.reasons || jsonb_build_array(jsonb_build_object(
           'reason', 'backlog', 'observed', room.waiting, 'limit', room.waiting + room.free))
  FROM ranked, room
 WHERE d.id = ranked.id
   AND d.decided_on = %(decided_on)s
   AND ranked.place > room.free

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
       -- Where the application keeps a foreign key, one contractor who is gone must not undo the batch.
       AND EXISTS (SELECT 1 FROM contractors c WHERE c.id = d.contractor_id)
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
                                       expires_at, text_style, says_opt_out, written_for)
    SELECT r.contractor_id, r.message_type, r.draft, r.ai_reasoning,
           r.facts || jsonb_build_object('trigger', r.trigger_name) || CASE r.subject_table
               WHEN 'ai_concierge_goals' THEN jsonb_build_object('goal_id', r.subject_id)
               WHEN 'ai_concierge_checklist_items' THEN jsonb_build_object('item_id', r.subject_id)
               ELSE '{}'::jsonb END,
           -- What was said before an approval was said when it was drafted: a reply since then cancels it.
           CASE WHEN r.approved_at IS NULL THEN NOW() ELSE r.created_at END, NOW(), gen_random_uuid(), r.trigger_name, r.subject_table, r.subject_id, r.occurrence, r.dedupe_key,
           r.source_message_type, r.id, r.priority, r.not_before,
           CASE WHEN r.promised THEN r.due_at + make_interval(secs => %(promised_late_hours)s::float8 * 3600)
                ELSE GREATEST(COALESCE(r.approved_at, %(as_of)s::timestamptz), r.not_before)
                     + make_interval(secs => %(expire_after_hours)s::float8 * 3600) END,
           r.text_style, r.says_opt_out, r.written_for
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
-- What came between our screening and now: the contractor is gone, this occurrence was written about, or another batch or
-- program wrote to the same person. And what no check of texts ever saw: no decision stays open behind a batch.
UPDATE ige_decisions d
   SET verdict = CASE WHEN d.reviewed_at IS NULL THEN 'failed' ELSE 'blocked' END,
       decided_at = now(),
       reasons = d.reasons || jsonb_build_array(CASE
           WHEN d.reviewed_at IS NULL
           THEN jsonb_build_object('reason', 'unevaluated', 'limit', 'an answer', 'observed',
                                   CASE WHEN d.screened_at IS NULL THEN 'recipient' ELSE 'content' END)
           WHEN NOT EXISTS (SELECT 1 FROM contractors c WHERE c.id = d.contractor_id)
           THEN '{"reason": "unknown_contractor", "observed": null, "limit": "a row in contractors"}'
           WHEN taken.message_id IS NOT NULL
           THEN jsonb_build_object('reason', 'already_written', 'observed', format('message %%s', taken.message_id),
                                   'limit', 'one message for each occurrence')
           ELSE '{"reason": "contacted_meanwhile", "observed": null, "limit": null}' END)
  FROM (SELECT open.id,
               (SELECT m.id
                  FROM ai_proactive_messages m
                 WHERE m.dedupe_key = open.dedupe_key
                   AND m.dead_at IS NULL AND m.cancelled_at IS NULL AND m.expired_at IS NULL) AS message_id
          FROM ige_decisions open
         WHERE open.batch_id = %(batch_id)s
           AND open.decided_on = %(decided_on)s
           AND open.verdict IS NULL) AS taken
 WHERE d.id = taken.id
   AND d.decided_on = %(decided_on)s

-- name: scheduled_preview
-- A few of the batch's messages for the op's metadata: no text, and of a number the last four digits.
SELECT d.message_id, d.contractor_id, d.trigger_name, d.message_type, d.draft_source, length(d.draft) AS characters,
       d.not_before, '…' || right(regexp_replace(c.phone, '\D', '', 'g'), 4) AS phone
  FROM ige_decisions d
  LEFT JOIN contractors c ON c.id = d.contractor_id
 WHERE d.batch_id = %(batch_id)s
   AND d.decided_on = %(decided_on)s
   AND d.verdict = 'scheduled'
 ORDER BY d.priority DESC, d.id
 LIMIT 20
