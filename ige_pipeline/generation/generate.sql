-- name: undrafted
-- Candidates that may be contacted and have no text yet; a repeated run asks only for what is missing. Beside each: what
-- was answered in which style (an answer may take two days), and whether its number must be told who writes.
SELECT d.id AS decision_id, d.contractor_id, d.trigger_name, d.message_type, d.subject_id, d.occurrence, d.facts,
       d.reason, d.text_style, COALESCE((d.recipient_known).trust_score, (d.recipient_facts ->> 'trust_score')::float8) AS trust,
       c.first_name, c.company_name, told.answers,
       NOT EXISTS (SELECT 1
                     FROM ai_proactive_messages m
                    WHERE m.written_for = COALESCE(p.e164, p.local_digits)
                      AND m.says_opt_out
                      AND m.sent_at > NOW() - make_interval(secs => %(introduce_after_days)s::float8 * 86400))
           AS notice_due
  FROM ige_decisions d
  LEFT JOIN contractors c ON c.id = d.contractor_id
  LEFT JOIN ige_phones p ON p.raw = c.phone AND p.region = %(default_region)s
  LEFT JOIN LATERAL (SELECT jsonb_object_agg(style.text_style, jsonb_build_array(style.sent, style.answered)) AS answers
                       FROM (SELECT m.text_style, count(*) AS sent,
                                    count(COALESCE(m.response_received_at::text, m.contractor_response)) AS answered
                               FROM ai_proactive_messages m
                              WHERE m.contractor_id = d.contractor_id
                                AND m.sent_at > NOW() - interval '365 days'
                                AND m.text_style IS NOT NULL
                                AND (m.sent_at < NOW() - interval '48 hours'
                                     OR num_nonnulls(m.response_received_at, m.contractor_response) > 0)
                              GROUP BY m.text_style) AS style) told ON true
 WHERE d.batch_id = %(batch_id)s
   AND d.decided_on = %(decided_on)s
   AND d.screened_at IS NOT NULL
   AND d.verdict IS NULL
   AND d.draft IS NULL
 ORDER BY d.id

-- name: store_drafts
-- All at once for templates, a few at a time for a model: what was paid for is kept the moment it exists. LIMIT leaves
-- the planner one way to find the rows, whatever it believes about a table that was written a second ago; their places
-- then lead to them.
UPDATE ige_decisions d
   SET draft = s.draft, draft_source = s.source, ai_reasoning = s.reasoning, fallback_reason = s.fallback_reason,
       generation = s.generation::jsonb, text_style = s.style
  FROM (SELECT written.*, undrafted.place
          FROM unnest(%(ids)s::bigint[], %(drafts)s::text[], %(sources)s::text[], %(reasonings)s::text[],
                      %(fallback_reasons)s::text[], %(generations)s::text[], %(styles)s::text[])
               AS written (id, draft, source, reasoning, fallback_reason, generation, style)
         CROSS JOIN LATERAL (SELECT u.ctid AS place
                               FROM ige_decisions u
                              WHERE u.id = written.id
                                AND u.decided_on = %(decided_on)s
                                AND u.draft IS NULL
                                AND u.verdict IS NULL
                              LIMIT 1) undrafted) AS s
 WHERE d.ctid = s.place
   AND d.decided_on = %(decided_on)s

-- name: postpone
-- Nothing is written: the money is spent, and the setting says to wait. The next hour looks at them again.
UPDATE ige_decisions
   SET verdict = 'postponed',
       decided_at = now(),
       retry_at = date_trunc('hour', now(), 'UTC') + interval '1 hour',
       reasons = reasons || jsonb_build_array(jsonb_build_object(
                     'reason', %(reason)s::text, 'observed', %(observed)s::float8, 'limit', %(limit)s::float8))
 WHERE id = ANY(%(ids)s::bigint[])
   AND decided_on = %(decided_on)s
   AND draft IS NULL
   AND verdict IS NULL

-- name: drafted
-- Who wrote, at which try, and why not the model where it was meant to.
SELECT split_part(draft_source, ':', 1)
         || CASE WHEN draft_source LIKE 'model:%%' AND generation ? 'tries' THEN ' (second try)' ELSE '' END AS writer,
       fallback_reason, count(*) AS drafts
  FROM ige_decisions
 WHERE batch_id = %(batch_id)s
   AND decided_on = %(decided_on)s
   AND draft IS NOT NULL
 GROUP BY 1, 2
 ORDER BY 3 DESC, 1, 2
