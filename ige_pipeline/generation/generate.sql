-- name: undrafted
-- Candidates that may be contacted and have no text yet; a repeated run asks only for what is missing.
SELECT d.id AS decision_id, d.contractor_id, d.trigger_name, d.message_type, d.subject_id, d.occurrence, d.facts,
       d.reason, (d.recipient_facts ->> 'trust_score')::float8 AS trust, c.first_name, c.company_name
  FROM ige_decisions d
  LEFT JOIN contractors c ON c.id = d.contractor_id
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
       generation = s.generation::jsonb
  FROM (SELECT written.*, undrafted.place
          FROM unnest(%(ids)s::bigint[], %(drafts)s::text[], %(sources)s::text[], %(reasonings)s::text[],
                      %(fallback_reasons)s::text[], %(generations)s::text[])
               AS written (id, draft, source, reasoning, fallback_reason, generation)
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
