-- name: undrafted
-- Candidates that may be contacted and have no text yet; a repeated run asks only for what is missing.
SELECT d.id AS decision_id, d.contractor_id, d.trigger_name, d.message_type, d.subject_id, d.occurrence, d.facts,
       d.reason, c.first_name, c.company_name
  FROM ige_decisions d
  LEFT JOIN contractors c ON c.id = d.contractor_id
 WHERE d.batch_id = %(batch_id)s
   AND d.decided_on = %(decided_on)s
   AND d.screened_at IS NOT NULL
   AND d.verdict IS NULL
   AND d.draft IS NULL
 ORDER BY d.id

-- name: store_drafts
-- All at once for templates, one at a time for a model: what was paid for is kept the moment it exists.
UPDATE ige_decisions d
   SET draft = s.draft, draft_source = s.source, ai_reasoning = s.reasoning, fallback_reason = s.fallback_reason,
       generation = s.generation::jsonb
  FROM unnest(%(ids)s::bigint[], %(drafts)s::text[], %(sources)s::text[], %(reasonings)s::text[],
              %(fallback_reasons)s::text[], %(generations)s::text[])
       AS s (id, draft, source, reasoning, fallback_reason, generation)
 WHERE d.id = s.id
   AND d.decided_on = %(decided_on)s
   AND d.draft IS NULL

-- name: drafted
-- Who wrote, and why not the model where it was meant to.
SELECT split_part(draft_source, ':', 1) AS writer, fallback_reason, count(*) AS drafts
  FROM ige_decisions
 WHERE batch_id = %(batch_id)s
   AND decided_on = %(decided_on)s
   AND draft IS NOT NULL
 GROUP BY 1, 2
