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

-- name: cut_texts
-- Where a batch's unreviewed texts may be cut into shards of about so many: each ends with somebody's last one.
SELECT max(contractor_id) AS last
  FROM (SELECT d.contractor_id, (rank() OVER (ORDER BY d.contractor_id) - 1) / %(at_once)s::bigint AS shard
          FROM ige_decisions d
         WHERE d.batch_id = %(batch_id)s
           AND d.decided_on = %(decided_on)s
           AND d.verdict IS NULL
           AND d.draft IS NOT NULL
           AND d.reviewed_at IS NULL) AS placed
 GROUP BY shard
 ORDER BY last

-- name: drafts_to_review
-- Texts that were written and not yet checked, each beside those that its contractor got lately.
SELECT d.id AS decision_id, d.contractor_id, d.trigger_name, d.message_type, d.subject_id, d.occurrence, d.facts,
       d.reason, d.draft, d.draft_source, d.ai_reasoning, d.generation, d.text_style,
       COALESCE((d.recipient_known).trust_score, (d.recipient_facts ->> 'trust_score')::float8) AS trust, c.first_name, c.company_name,
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
   AND d.contractor_id BETWEEN %(first)s AND %(last)s
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
       retry_at = CASE WHEN %(verdict)s::text IS NOT NULL THEN now() + make_interval(secs => %(rejected_text_days)s::float8 * 86400)
                       ELSE retry_at END
 WHERE id = %(id)s
   AND decided_on = %(decided_on)s
   AND reviewed_at IS NULL

-- name: take_over
-- What code from before `ige_batch_candidates` found in this batch and did not come to look at.
WITH left_there AS (
    DELETE FROM ige_candidates
     WHERE batch_id = %(batch_id)s
       AND contractor_id BETWEEN %(first)s AND %(last)s
 RETURNING *
)
INSERT INTO ige_batch_candidates SELECT * FROM left_there

-- name: forget_candidates
-- All that the batch had there is in the ledger now.
DELETE FROM ige_batch_candidates WHERE batch_id = %(batch_id)s AND contractor_id BETWEEN %(first)s AND %(last)s
