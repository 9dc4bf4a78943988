-- name: record_candidates
-- Everyone whom a trigger selects, less those written to about the same subject lately, becomes a candidate: a decision
-- about which nothing is said yet. For triggers that recur the occurrence is the last message about the subject, so that
-- one silence is answered once however often we look.
INSERT INTO ige_batch_candidates (decided_on, batch_id, contractor_id, trigger_name, message_type, priority, urgency,
                            subject_table, subject_id, occurrence, dedupe_key, reason, facts, changed_since, dry_run)
SELECT %(decided_on)s, %(batch_id)s, due.contractor_id, %(trigger)s, %(message_type)s, %(priority)s,
       COALESCE(due.urgency, 0), %(subject)s, due.subject_id, due.occurrence,
       concat_ws(':', %(trigger)s::text, %(subject)s::text, due.subject_id::text, due.occurrence),
       due.reason, due.facts, COALESCE(due.changed_at::timestamptz > %(as_of)s, false), %(dry_run)s
  FROM ({due}) AS due
 WHERE due.place <= %(at_most)s

-- name: forget_doubles
-- Nobody competes with themselves: the first of each occurrence stays.
DELETE FROM ige_batch_candidates
 WHERE ctid = ANY (ARRAY(SELECT again.place
                           FROM (SELECT c.ctid AS place,
                                        row_number() OVER (PARTITION BY c.dedupe_key
                                                               ORDER BY c.id) AS nth
                                   FROM ige_batch_candidates c
                                  WHERE c.batch_id = %(batch_id)s) AS again
                          WHERE again.nth > 1))

-- name: select_candidates
-- The same without writing anything: what the safeguards need to know of each candidate.
SELECT due.contractor_id, due.subject_id, %(trigger)s::text AS trigger_name, %(priority)s::integer AS priority,
       due.urgency::float8 AS urgency, %(message_type)s::text AS message_type, false AS promised,
       COALESCE(due.changed_at::timestamptz > %(as_of)s, false) AS changed_since
  FROM ({due}) AS due
 WHERE due.place <= %(at_most)s
 ORDER BY due.contractor_id, due.place

-- name: due
-- Those whom a trigger selects and nobody wrote to about the same subject lately, each contractor's most urgent first.
SELECT candidate.contractor_id, candidate.subject_id, candidate.urgency, candidate.reason, candidate.facts,
       candidate.changed_at,
       COALESCE(candidate.occurrence, last.id::text, 'first') AS occurrence,
       row_number() OVER (PARTITION BY candidate.contractor_id
                              ORDER BY candidate.urgency DESC, candidate.subject_id) AS place
  FROM ({selects}) AS candidate
  LEFT JOIN LATERAL ({last_message}) AS last ON true
 WHERE candidate.contractor_id IS NOT NULL
   AND (last.id IS NULL
        OR (NOT last.live
            AND last.at <= %(as_of)s::timestamptz - make_interval(secs => %(repeat_days)s::float8 * 86400)))

-- name: last_message
-- Our own messages name their subject in columns. An older message may have been sent later, or still wait: all of them
-- are looked at. One that ended unsent counts where somebody's word ended it: ige_counts_as_written (migration 0008).
SELECT max(m.id) AS id,
       bool_or(m.sent_at IS NULL AND m.cancelled_at IS NULL AND m.dead_at IS NULL) AS live,
       GREATEST(max(m.sent_at)::timestamptz, max(m.cancelled_at), max(m.dead_at)) AS at
  FROM ai_proactive_messages m
 WHERE m.subject_table = {subject}
   AND m.subject_id = candidate.subject_id
   AND m.expired_at IS NULL
   AND ige_counts_as_written(m.cancelled_at, m.cancel_reason, m.dead_at, m.dead_reason)

-- name: last_message_with_old
-- The old application names the subject in context_data only, and so does a celebration its item's goal. Where there is
-- no such kin it is NULL, which Postgres leaves out: each is then the condition of an index (0004, 0013). What happens
-- once was done before only by a message of its own kind (`old_type`): a question about an item celebrated nothing.
SELECT max(m.id) AS id,
       bool_or(m.sent_at IS NULL AND m.cancelled_at IS NULL AND m.dead_at IS NULL) AS live,
       GREATEST(max(m.sent_at)::timestamptz, max(m.cancelled_at), max(m.dead_at)) AS at
  FROM (SELECT o.id, o.sent_at, o.cancelled_at, o.dead_at
          FROM ai_proactive_messages o
         WHERE o.subject_table = {subject}
           AND o.subject_id = candidate.subject_id
           AND o.expired_at IS NULL
           AND ige_counts_as_written(o.cancelled_at, o.cancel_reason, o.dead_at, o.dead_reason)
        UNION ALL
        SELECT o.id, o.sent_at, o.cancelled_at, o.dead_at
          FROM ai_proactive_messages o
         WHERE (o.subject_id IS NULL OR o.subject_table = {kin})
           AND o.context_data ->> {old_key} = candidate.subject_id::text
           AND ({old_type}::text IS NULL OR o.message_type = {old_type})
           AND o.expired_at IS NULL
           AND ige_counts_as_written(o.cancelled_at, o.cancel_reason, o.dead_at, o.dead_reason)) AS m

-- name: last_message_of_occurrence
-- The subject may be written about again, but not about the same occurrence. Each half has an index of its own.
SELECT m.id, m.live, m.at
  FROM (SELECT o.id, o.sent_at IS NULL AS live, COALESCE(o.sent_at, o.created_at)::timestamptz AS at
          FROM ai_proactive_messages o
         WHERE o.dedupe_key = concat_ws(':', %(trigger)s::text, {subject}, candidate.subject_id::text,
                                        candidate.occurrence)
           AND o.dead_at IS NULL AND o.cancelled_at IS NULL AND o.expired_at IS NULL
        UNION ALL
        SELECT o.id, false, COALESCE(o.cancelled_at, o.dead_at)
          FROM ai_proactive_messages o
         WHERE o.dedupe_key = concat_ws(':', %(trigger)s::text, {subject}, candidate.subject_id::text,
                                        candidate.occurrence)
           AND (o.cancelled_at IS NOT NULL OR o.dead_at IS NOT NULL)
           AND ige_counts_as_written(o.cancelled_at, o.cancel_reason, o.dead_at, o.dead_reason)) AS m
 ORDER BY m.live DESC
 LIMIT 1

-- name: forget_candidates
-- A repeated run of the op looks anew. What the safeguards have seen of the first one is in the ledger and stays.
WITH older AS (
    DELETE FROM ige_candidates WHERE batch_id = %(batch_id)s
)
DELETE FROM ige_batch_candidates WHERE batch_id = %(batch_id)s

-- name: doubled
-- Whether one occurrence seems to have been found twice, by joining. Looking once costs a tenth of what a unique index
-- does, and looking at hashes a sixth of what looking at the keys does; two keys that only look alike do no harm.
SELECT EXISTS (SELECT
                 FROM ige_batch_candidates c
                WHERE c.batch_id = %(batch_id)s
                GROUP BY hashtextextended(c.dedupe_key, 0)
               HAVING count(*) > 1) AS doubled

-- name: evaluated_before
-- Whether the batch has found anything already: another try of the op counts what it finds with what there is.
SELECT EXISTS (SELECT
                 FROM ige_decisions d
                WHERE d.batch_id = %(batch_id)s
                  AND d.decided_on = %(decided_on)s) AS evaluated_before

-- name: count_candidates
-- What this batch has found, by trigger.
SELECT trigger_name, count(*) AS candidates
  FROM (SELECT c.trigger_name
          FROM ige_batch_candidates c
         WHERE c.batch_id = %(batch_id)s
           AND c.decided_on = %(decided_on)s
         UNION ALL
        SELECT d.trigger_name
          FROM ige_decisions d
         WHERE d.batch_id = %(batch_id)s
           AND d.decided_on = %(decided_on)s
           AND NOT EXISTS (SELECT 1
                             FROM ige_batch_candidates again
                            WHERE again.batch_id = d.batch_id
                              AND again.dedupe_key = d.dedupe_key)) AS found
 GROUP BY trigger_name
