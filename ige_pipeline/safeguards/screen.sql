-- name: undecided
-- The batch's candidates that no safeguard has looked at yet, each contractor's together. What was promised is in the
-- ledger already (`staged` is false).
SELECT c.id, c.contractor_id, c.trigger_name, c.message_type, c.priority, c.urgency, false AS promised,
       c.changed_since, true AS staged
  FROM ige_candidates c
 WHERE c.batch_id = %(batch_id)s
   AND c.decided_on = %(decided_on)s
   -- What a repeated run finds again was decided the first time, and competes with nobody.
   AND NOT EXISTS (SELECT 1
                     FROM ige_decisions known
                    WHERE known.batch_id = %(batch_id)s
                      AND known.decided_on = %(decided_on)s
                      AND known.dedupe_key = c.dedupe_key)
 UNION ALL
SELECT d.id, d.contractor_id, d.trigger_name, d.message_type, d.priority, d.urgency, d.promised,
       d.changed_since, false
  FROM ige_decisions d
 WHERE d.batch_id = %(batch_id)s
   AND d.decided_on = %(decided_on)s
   AND d.screened_at IS NULL
 ORDER BY 2, 1

-- name: drop_facts
-- Those of the piece before, where both belong to one transaction.
DROP TABLE IF EXISTS pg_temp.kept_facts

-- name: keep_facts
-- What is known of a piece's contractors stays with Postgres, beside what the ledger keeps of it: never the number
-- itself, nor the lists behind the counts.
CREATE TEMPORARY TABLE kept_facts ON COMMIT DROP AS
SELECT seen.*, to_jsonb(kept) AS recipient_facts
  FROM ({facts}) AS seen
 CROSS JOIN LATERAL (SELECT seen.known, seen.phone_verdict, seen.phone_verdict <> 'none' AS has_phone, seen.timezone,
                            seen.phone_zones, seen.phone_state, seen.suppressed, seen.consent, seen.paused,
                            seen.paused_until, seen.waiting_message_id, seen.last_message_id, seen.last_sent_at,
                            seen.sent_day, seen.sent_week, seen.sent_30_days, seen.recent_sent, seen.recent_unanswered,
                            seen.recent_last_sent_at, seen.trust_score, seen.complaints, seen.complained_at) AS kept

-- name: kept_facts
-- All that the safeguards look at.
SELECT contractor_id, known, phone_verdict, timezone, phone_zones, phone_state, paused, paused_until, suppressed, consent,
       waiting_message_id, last_message_id, last_sent_at, sent_day, sent_week, sent_30_days, recent_times, recent_types,
       recent_sent, recent_unanswered, recent_last_sent_at, trust_score, complaints, complained_at, asked_at
  FROM {facts}

-- name: facts_as_text
-- The same, as a piece of the text in which thousands of decisions are written at once.
SELECT contractor_id, recipient_facts::text AS facts
  FROM {facts}
 WHERE contractor_id = ANY (%(contractor_ids)s::bigint[])

-- name: plan_for_hashes
-- For the rest of this transaction: nobody knows yet how many candidates there are, and planned for one, 50,000 take hours.
SELECT set_config('enable_nestloop', 'off', true)

-- name: record_new
-- One statement for thousands of candidates: each becomes a decision, with what was known, every reason, and the verdict
-- where there already is one. A repeated run leaves what was seen before as it is.
INSERT INTO ige_decisions (id, decided_on, batch_id, contractor_id, trigger_name, message_type, priority, urgency,
                           subject_table, subject_id, occurrence, dedupe_key, reason, facts, changed_since, dry_run,
                           created_at, screened_at, recipient_facts, reasons, verdict, decided_at, not_before, retry_at)
SELECT c.id, c.decided_on, c.batch_id, c.contractor_id, c.trigger_name, c.message_type, c.priority, c.urgency,
       c.subject_table, c.subject_id, c.occurrence, c.dedupe_key, c.reason, c.facts, c.changed_since, c.dry_run,
       c.created_at, now(), k.recipient_facts, COALESCE(told.reasons::jsonb, '[]'), told.verdict,
       CASE WHEN told.verdict IS NOT NULL THEN now() END, told.not_before, told.retry_at
  FROM ige_candidates c
  JOIN {facts} k ON k.contractor_id = c.contractor_id
  LEFT JOIN unnest(string_to_array(%(ids)s, chr(30))::bigint[],
                   string_to_array(%(reasons)s, chr(30)),
                   string_to_array(%(verdicts)s, chr(30), ''),
                   string_to_array(%(not_before)s, chr(30), '')::timestamptz[],
                   string_to_array(%(retry_at)s, chr(30), '')::timestamptz[])
            AS told (id, reasons, verdict, not_before, retry_at) ON told.id = c.id
 WHERE c.batch_id = %(batch_id)s
   AND c.decided_on = %(decided_on)s
   AND c.contractor_id BETWEEN %(first)s AND %(last)s
ON CONFLICT (batch_id, dedupe_key, decided_on) DO NOTHING

-- name: forget_candidates
-- All that the batch had is in the ledger now.
DELETE FROM ige_candidates WHERE batch_id = %(batch_id)s

-- name: forget_screened
-- They are in the ledger now.
DELETE FROM ige_candidates
 WHERE batch_id = %(batch_id)s
   AND decided_on = %(decided_on)s
   AND contractor_id BETWEEN %(first)s AND %(last)s

-- name: plan_for_look_ups
-- For the rest of this transaction: look each row up by its id. Of a batch that was written a second ago there are no
-- statistics, or those of the hours before, which say that hardly any row is unscreened; planned for one row, 50,000 take
-- hours. A hash of the whole day for each piece is little better.
SELECT set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true),
       set_config('enable_material', 'off', true)

-- name: record_screening
-- One statement for thousands: what was known, every reason, and the verdict where there already is one. LIMIT leaves the
-- planner one way to find the rows, whatever it believes about the table; their places then lead to them.
UPDATE ige_decisions d
   SET screened_at = now(),
       recipient_facts = s.facts::jsonb,
       reasons = s.reasons::jsonb,
       verdict = s.verdict,
       decided_at = CASE WHEN s.verdict IS NOT NULL THEN now() END,
       not_before = s.not_before,
       retry_at = s.retry_at
  FROM (SELECT told.*, unscreened.place
          FROM unnest(string_to_array(%(ids)s, chr(30))::bigint[],
                      string_to_array(%(facts)s, chr(30)),
                      string_to_array(%(reasons)s, chr(30)),
                      string_to_array(%(verdicts)s, chr(30), ''),
                      string_to_array(%(not_before)s, chr(30), '')::timestamptz[],
                      string_to_array(%(retry_at)s, chr(30), '')::timestamptz[])
               AS told (id, facts, reasons, verdict, not_before, retry_at)
         CROSS JOIN LATERAL (SELECT u.ctid AS place
                               FROM ige_decisions u
                              WHERE u.id = told.id
                                AND u.decided_on = %(decided_on)s
                                AND u.screened_at IS NULL
                              LIMIT 1) unscreened) AS s
 WHERE d.ctid = s.place
   AND d.decided_on = %(decided_on)s

-- name: verdicts
-- How the batch stands, for the op's metadata.
SELECT COALESCE(verdict, 'undecided') AS verdict, count(*) AS decisions
  FROM ige_decisions
 WHERE batch_id = %(batch_id)s
   AND decided_on = %(decided_on)s
 GROUP BY verdict

-- name: blocking_reasons
-- Which safeguards spoke, and how often.
SELECT each.reason ->> 'reason' AS reason, count(*) AS decisions
  FROM ige_decisions d
 CROSS JOIN LATERAL jsonb_array_elements(d.reasons) AS each (reason)
 WHERE d.batch_id = %(batch_id)s
   AND d.decided_on = %(decided_on)s
 GROUP BY 1
 ORDER BY 2 DESC, 1

-- name: drafts_to_review
-- Texts that were written and not yet checked, each beside those that its contractor got lately.
SELECT d.id AS decision_id, d.contractor_id, d.trigger_name, d.message_type, d.subject_id, d.occurrence, d.facts,
       d.reason, d.draft, d.draft_source, d.ai_reasoning, d.generation, d.text_style,
       (d.recipient_facts ->> 'trust_score')::float8 AS trust, c.first_name, c.company_name,
       NULL AS answers, COALESCE(p.e164, p.local_digits) AS number,
       NOT EXISTS (SELECT 1
                     FROM ai_proactive_messages m
                    WHERE m.written_for = COALESCE(p.e164, p.local_digits)
                      AND m.says_opt_out
                      AND m.sent_at > NOW() - make_interval(secs => %(introduce_after_days)s::float8 * 86400))
           AS notice_due,
       (SELECT array_agg(m.message_content)
          FROM ai_proactive_messages m
         WHERE m.contractor_id = d.contractor_id
           AND m.sent_at > NOW() - make_interval(secs => %(near_duplicate_days)s::float8 * 86400)
           AND m.message_content IS NOT NULL) AS recent
  FROM ige_decisions d
  LEFT JOIN contractors c ON c.id = d.contractor_id
  LEFT JOIN ige_phones p ON p.raw = c.phone AND p.region = %(default_region)s
 WHERE d.batch_id = %(batch_id)s
   AND d.decided_on = %(decided_on)s
   AND d.verdict IS NULL
   AND d.draft IS NOT NULL
   AND d.reviewed_at IS NULL
 ORDER BY d.id

-- name: record_second_try
-- What the model said when it was told why its first text was rejected; without a draft that one stays. Both are kept.
UPDATE ige_decisions
   SET draft = COALESCE(%(draft)s, draft),
       ai_reasoning = COALESCE(%(ai_reasoning)s, ai_reasoning),
       generation = %(generation)s::jsonb
 WHERE id = %(id)s
   AND decided_on = %(decided_on)s
   AND reviewed_at IS NULL

-- name: record_review
-- The text that passed, or the reasons why none did. What a model had answered and nobody will read stays on record.
UPDATE ige_decisions
   SET reviewed_at = now(),
       generation = CASE WHEN draft_source LIKE 'model:%%' AND draft_source <> %(draft_source)s
                         THEN COALESCE(generation, '{}') || jsonb_build_object('rejected_answer', draft)
                         ELSE generation END,
       draft = %(draft)s,
       draft_source = %(draft_source)s,
       ai_reasoning = %(ai_reasoning)s,
       text_style = %(text_style)s,
       says_opt_out = %(says_opt_out)s,
       written_for = %(written_for)s,
       fallback_reason = COALESCE(%(fallback_reason)s, fallback_reason),
       reasons = reasons || %(reasons)s::jsonb,
       verdict = %(verdict)s,
       decided_at = CASE WHEN %(verdict)s::text IS NOT NULL THEN now() END,
       retry_at = CASE WHEN %(verdict)s::text IS NOT NULL THEN now() + interval '1 day' ELSE retry_at END
 WHERE id = %(id)s
   AND decided_on = %(decided_on)s
   AND reviewed_at IS NULL
