-- name: skip_waiting
-- What a draft waits for is not written a second time, nor what a person said no to a few days ago, nor what no
-- text passed the checks for lately: a model would be paid for it each time. `retry_at` is when that ends.
UPDATE ige_decisions d
   SET verdict = 'blocked',
       decided_at = now(),
       retry_at = other.until,
       reasons = d.reasons || jsonb_build_array(jsonb_build_object(
                     'reason', other.why,
                     'observed', other.id, 'limit', other.until))
  FROM (SELECT mine.id AS mine, found.*
          FROM ige_decisions mine
         CROSS JOIN LATERAL (SELECT o.id, o.verdict,
                                    CASE WHEN o.verdict = 'held' THEN 'draft_waiting'
                                         WHEN o.retry_at IS NULL THEN 'draft_rejected'
                                         ELSE 'text_rejected' END AS why,
                                    CASE WHEN o.retry_at IS NOT NULL THEN o.retry_at ELSE o.decided_at + make_interval(
                                        secs => %(rejected_draft_days)s::float8 * 86400) END AS until
                               FROM ige_decisions o
                              WHERE o.dedupe_key = mine.dedupe_key
                                AND o.verdict IN ('held', 'rejected')
                                AND o.id <> mine.id
                                AND NOT o.dry_run
                                AND CASE o.verdict WHEN 'held' THEN o.reasons @> '[{"reason": "approval_wanted"}]' AND o.retry_at > now()
                                         WHEN 'rejected' THEN o.retry_at > now()
                                              OR o.reasons @> '[{"reason": "draft_rejected"}]'
                                              AND o.decided_at > now() - make_interval(
                                                  secs => %(rejected_draft_days)s::float8 * 86400) END
                              ORDER BY o.id DESC
                              LIMIT 1) AS found
         WHERE mine.batch_id = %(batch_id)s
           AND mine.decided_on = %(decided_on)s
           AND mine.verdict IS NULL
           AND mine.screened_at IS NOT NULL
           AND mine.approved_at IS NULL) AS other
 WHERE d.id = other.mine
   AND d.decided_on = %(decided_on)s

-- name: next_best
-- Whoever lost to a candidate whose draft was rejected may be written to about the next best after all: what nobody will
-- send outranks nothing. Each screening found nothing else against it.
WITH freed AS (
    SELECT d.contractor_id
      FROM ige_decisions d
     WHERE d.batch_id = %(batch_id)s
       AND d.decided_on = %(decided_on)s
       AND NOT d.promised
     GROUP BY d.contractor_id
    HAVING bool_or(d.verdict = 'blocked' AND d.reasons @> '[{"reason": "draft_rejected"}]')
       AND bool_and(COALESCE(d.verdict IN ('blocked', 'outranked'), false))
), best AS (
    SELECT DISTINCT ON (d.contractor_id) d.id
      FROM ige_decisions d
      JOIN freed USING (contractor_id)
     WHERE d.batch_id = %(batch_id)s
       AND d.decided_on = %(decided_on)s
       AND d.verdict = 'outranked'
       AND d.draft IS NULL
     ORDER BY d.contractor_id, d.priority DESC, d.urgency DESC, d.id
)
UPDATE ige_decisions d
   SET verdict = NULL,
       decided_at = NULL,
       retry_at = NULL,
       reasons = jsonb_path_query_array(d.reasons, '$[*] ? (@.reason != "outranked")')
  FROM best
 WHERE d.id = best.id
   AND d.decided_on = %(decided_on)s
