-- name: why
-- One contractor's decisions, newest first; those of one hour or of one message where asked. Previews only where asked:
-- somebody who tries out settings must not push out what really happened.
SELECT w.*
  FROM ige_why w
 WHERE (%(contractor_id)s::bigint IS NULL OR w.contractor_id = %(contractor_id)s)
   AND (%(message_id)s::bigint IS NULL OR w.message_id = %(message_id)s)
   AND (%(previews)s::boolean OR NOT w.dry_run)
   AND (%(at)s::timestamptz IS NULL OR w.batch_hour = date_trunc('hour', %(at)s::timestamptz, 'UTC'))
 ORDER BY w.evaluated_at DESC, w.decision_id DESC NULLS LAST, w.message_id DESC
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

-- name: previews
-- How many decisions about a contractor were only tried out, in all or in one hour.
SELECT count(*) AS previews
  FROM ige_decisions d
  LEFT JOIN ige_batches b ON b.id = d.batch_id
 WHERE d.contractor_id = %(contractor_id)s
   AND d.dry_run
   AND (%(at)s::timestamptz IS NULL OR b.batch_hour = date_trunc('hour', %(at)s::timestamptz, 'UTC'))

-- name: addressee
-- Whose message that is.
SELECT m.contractor_id, NULLIF(concat_ws(' ', c.first_name, c.last_name), '') AS name
  FROM ai_proactive_messages m
  LEFT JOIN contractors c ON c.id = m.contractor_id
 WHERE m.id = %(message_id)s
