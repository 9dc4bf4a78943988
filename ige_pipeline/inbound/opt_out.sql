-- name: suppress
-- By number, so that it outlives the contractor's row. Of one that holds already the harder to lift stays: START must not
-- undo what somebody of ours, or a dead line, made.
WITH stood AS (
    SELECT s.phone_e164 FROM ige_suppressions s WHERE s.phone_e164 = %(phone_e164)s AND s.lifted_at IS NULL
)
INSERT INTO ige_suppressions AS s (phone_e164, reason, source)
VALUES (%(phone_e164)s, %(reason)s, %(source)s)
    ON CONFLICT (phone_e164) DO UPDATE
   SET reason = EXCLUDED.reason, source = EXCLUDED.source, lifted_at = NULL, lifted_by = NULL,
       suppressed_at = CASE WHEN s.lifted_at IS NULL THEN s.suppressed_at ELSE now() END
 WHERE s.lifted_at IS NOT NULL OR s.source = ANY (%(weaker)s)
RETURNING NOT EXISTS (SELECT 1 FROM stood) AS new

-- name: lift
-- Only what was made by one of these.
UPDATE ige_suppressions
   SET lifted_at = now(), lifted_by = %(who)s
 WHERE phone_e164 = %(phone_e164)s
   AND lifted_at IS NULL
   AND source = ANY (%(sources)s)

-- name: standing
-- Whether a number is suppressed, and by what.
SELECT source, reason, suppressed_at
  FROM ige_suppressions
 WHERE phone_e164 = %(phone_e164)s
   AND lifted_at IS NULL

-- name: cancel_waiting
-- All that still waits for these people; what is being posted at this moment is asked about once more before it leaves.
WITH gone AS (
    UPDATE ai_proactive_messages m
       SET cancelled_at = now(), cancel_reason = 'suppressed'
     WHERE m.contractor_id = ANY (%(contractor_ids)s::bigint[])
       AND m.sent_at IS NULL AND m.dead_at IS NULL AND m.cancelled_at IS NULL AND m.expired_at IS NULL
       AND m.lease_token IS NULL
       -- That they opted out is told once, however often they say so; one of before a START is over.
       AND (m.confirms_opt_out IS NULL OR %(anew)s)
    RETURNING m.id, m.attempts
), told AS (
    INSERT INTO ige_delivery_attempts (message_id, run_id, attempt, lease_token, claimed_at, outcome, reasons)
    SELECT g.id, %(who)s, g.attempts, gen_random_uuid(), now(), 'Cancelled',
           jsonb_build_array(jsonb_build_object('reason', 'suppressed', 'observed', 'opted out',
                                                'limit', 'no opt-out for this number'))
      FROM gone g
)
SELECT id FROM gone ORDER BY id

-- name: prepare_decisions
-- The day's partition of the ledger must exist before its first row.
SELECT ige_prepare_decisions((now() AT TIME ZONE 'UTC')::date)

-- name: next_decision
-- The number of a decision that is about to be written.
SELECT nextval('ige_decision_id') AS id

-- name: confirm
-- The one message that may pass a suppression; it is of no use after five minutes.
INSERT INTO ai_proactive_messages (contractor_id, message_type, message_content, ai_reasoning, context_data, trigger_name,
                                   source_message_type, priority, expires_at, confirms_opt_out, decision_id)
VALUES (%(contractor_id)s, 'check_in', %(text)s, 'They opted out, and are told so once.',
        jsonb_build_object('inbound_id', %(inbound_id)s::bigint), 'opt_out_confirmation', 'opt_out_confirmation', 1000,
        now() + interval '5 minutes', %(inbound_id)s, %(decision_id)s)
RETURNING id

-- name: explain_confirmation
-- Its line in the ledger.
INSERT INTO ige_decisions (id, decided_on, contractor_id, trigger_name, message_type, source_message_type, promised,
                           priority, dedupe_key, reason, facts, draft, draft_source, ai_reasoning, screened_at,
                           reviewed_at, verdict, decided_at, message_id)
VALUES (%(decision_id)s, (now() AT TIME ZONE 'UTC')::date, %(contractor_id)s, 'opt_out_confirmation', 'check_in',
        'opt_out_confirmation', true, 1000, 'opt_out_confirmation:' || %(inbound_id)s::bigint,
        'They opted out with reply ' || %(inbound_id)s::bigint || ', and are told once that they did.',
        jsonb_build_object('inbound_id', %(inbound_id)s::bigint), %(text)s, 'given:opt_out_confirmation',
        'They opted out, and are told so once.', now(), now(), 'scheduled', now(), %(message_id)s)
