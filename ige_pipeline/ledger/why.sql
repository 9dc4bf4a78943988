-- name: why
-- One contractor's decisions, newest first; those of one hour or of one message where asked.
SELECT w.*
  FROM ige_why w
 WHERE (%(contractor_id)s::bigint IS NULL OR w.contractor_id = %(contractor_id)s)
   AND (%(message_id)s::bigint IS NULL OR w.message_id = %(message_id)s)
   AND (%(at)s::timestamptz IS NULL OR w.batch_hour = date_trunc('hour', %(at)s::timestamptz, 'UTC'))
 ORDER BY w.evaluated_at DESC, w.decision_id DESC
 LIMIT %(limit)s

-- name: contractor
-- Who is asked about, and how many batches have looked at everybody lately.
SELECT c.id, concat_ws(' ', c.first_name, c.last_name) AS name, c.company_name,
       (SELECT count(*) FROM ige_batches WHERE opened_at > now() - interval '24 hours') AS batches_today,
       (SELECT count(*)
          FROM ige_batches
         WHERE NOT dry_run
           AND batch_hour = date_trunc('hour', COALESCE(%(at)s::timestamptz, now()), 'UTC')) AS batches_then,
       (SELECT max(opened_at) FROM ige_batches) AS last_batch_at
  FROM contractors c
 WHERE c.id = %(contractor_id)s
