-- name: why
-- One contractor's decisions, newest first; those of one hour or of one message where asked. Previews only where asked:
-- somebody who tries out settings must not push out what really happened. Each part of `ige_why` by itself: through the
-- view a condition would not reach the indexes.
SELECT w.*, m.receipt_status, m.receipt_code, m.receipt_at, m.led_to_action, m.ignored_at, later.replies AS more_replies
  FROM (
    (SELECT w.*
       FROM ige_why_decided w
      WHERE (%(contractor_id)s::bigint IS NULL OR w.contractor_id = %(contractor_id)s)
        AND (%(message_id)s::bigint IS NULL OR w.message_id = %(message_id)s)
        AND (%(previews)s::boolean OR NOT w.dry_run)
        AND (%(at)s::timestamptz IS NULL OR w.batch_hour = date_trunc('hour', %(at)s::timestamptz, 'UTC'))
      ORDER BY w.evaluated_at DESC, w.decision_id DESC NULLS LAST, w.message_id DESC
      LIMIT %(limit)s)
    UNION ALL
    (SELECT w.*
       FROM ige_why_others w
      WHERE (%(contractor_id)s::bigint IS NULL OR w.contractor_id = %(contractor_id)s)
        AND (%(message_id)s::bigint IS NULL OR w.message_id = %(message_id)s)
        AND (%(previews)s::boolean OR NOT w.dry_run)
        AND (%(at)s::timestamptz IS NULL OR w.batch_hour = date_trunc('hour', %(at)s::timestamptz, 'UTC'))
      ORDER BY w.evaluated_at DESC, w.decision_id DESC NULLS LAST, w.message_id DESC
      LIMIT %(limit)s)
    UNION ALL
    (SELECT w.*
       FROM ige_why_undecided w
      WHERE (%(contractor_id)s::bigint IS NULL OR w.contractor_id = %(contractor_id)s)
        AND (%(message_id)s::bigint IS NULL OR w.message_id = %(message_id)s)
        AND (%(previews)s::boolean OR NOT w.dry_run)
        AND (%(at)s::timestamptz IS NULL OR w.batch_hour = date_trunc('hour', %(at)s::timestamptz, 'UTC'))
      ORDER BY w.evaluated_at DESC, w.decision_id DESC NULLS LAST, w.message_id DESC
      LIMIT %(limit)s)) AS w
  LEFT JOIN ai_proactive_messages m ON m.id = w.message_id
  LEFT JOIN LATERAL (SELECT jsonb_agg(jsonb_build_object('id', i.id, 'at', i.received_at, 'body', i.body,
                                                         'meaning', i.meaning, 'cancelled', i.cancelled)
                                      ORDER BY i.id) AS replies
                       FROM ige_inbound_messages i
                      WHERE i.message_id = w.message_id
                        AND (NOT i.first_response OR i.meaning <> 'reply')) later ON true
 ORDER BY w.evaluated_at DESC, w.decision_id DESC NULLS LAST, w.message_id DESC
 LIMIT %(limit)s

-- name: contractor
-- Who is asked about; which triggers the batches of the hour asked, whether one ended early, and whether what they decided
-- is still in the ledger; and when all of them were last asked. A preview asks for nobody. Who was deleted is told of as
-- long as the ledger, or a message, remembers them.
WITH real AS (
    SELECT * FROM ige_batches WHERE NOT dry_run
), of_the_hour AS (
    SELECT r.*, to_regclass(to_char(r.opened_at AT TIME ZONE 'UTC', '"ige_decisions_"YYYYMMDD')) IS NULL AS dropped
      FROM real r
     WHERE r.batch_hour = date_trunc('hour', COALESCE(%(at)s::timestamptz, now()), 'UTC')
)
SELECT asked.id, concat_ws(' ', c.first_name, c.last_name) AS name, c.company_name, c.id IS NULL AS gone,
       (SELECT count(*) FROM real WHERE opened_at > now() - interval '24 hours') AS batches_today,
       (SELECT count(*) FROM of_the_hour WHERE closed_at IS NOT NULL) AS batches_then,
       (SELECT count(*) FROM of_the_hour WHERE closed_at IS NULL) AS unfinished_then,
       (SELECT COALESCE(bool_or(dropped), false) FROM of_the_hour) AS dropped_then,
       COALESCE(%(at)s::timestamptz < ((now() AT TIME ZONE 'UTC')::date - %(keep_days)s::int)::timestamp AT TIME ZONE 'UTC',
                false) AS not_kept_then,
       ARRAY(SELECT DISTINCT unnest(triggers) FROM of_the_hour WHERE closed_at IS NOT NULL ORDER BY 1) AS triggers_then,
       (SELECT max(opened_at)
          FROM real
         WHERE closed_at IS NOT NULL
           AND NOT triggers <@ %(promised)s::text[]) AS last_batch_at
  FROM (SELECT %(contractor_id)s::bigint AS id) AS asked
  LEFT JOIN contractors c ON c.id = asked.id
 WHERE c.id IS NOT NULL
    OR EXISTS (SELECT FROM ige_decisions d WHERE d.contractor_id = asked.id)
    OR EXISTS (SELECT FROM ai_proactive_messages m WHERE m.contractor_id = asked.id)

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
