-- name: compare
-- What two batches decided differently about the same candidate, or for other reasons, or for another winner, or for
-- another time: of each kind of change how many, and a few of them. Each batch's decisions lie under a day of its own, in
-- case midnight came between. The two ran moments apart, so that times are compared by the minute.
WITH told AS (
    SELECT d.batch_id, d.dedupe_key, d.contractor_id, d.trigger_name, d.verdict, d.reasons,
           date_trunc('minute', d.not_before) AS not_before,
           (SELECT string_agg(DISTINCT CASE WHEN each.reason ->> 'reason' IN ('outranked', 'same_number')
                                            THEN format('%%s: %%s', each.reason ->> 'reason',
                                                        split_part(each.reason ->> 'observed', ' (decision', 1))
                                            ELSE each.reason ->> 'reason' END, ', ')
              FROM jsonb_array_elements(d.reasons) AS each (reason)) AS because
      FROM ige_decisions d
     WHERE (d.batch_id = %(one)s AND d.decided_on = %(one_day)s)
        OR (d.batch_id = %(other)s AND d.decided_on = %(other_day)s)
), changed AS (
    SELECT COALESCE(a.contractor_id, b.contractor_id) AS contractor_id,
           COALESCE(a.trigger_name, b.trigger_name) AS trigger_name,
           CASE WHEN a.verdict IS NULL THEN 'no candidate'
                WHEN a.verdict IS DISTINCT FROM b.verdict THEN a.verdict
                WHEN a.because IS DISTINCT FROM b.because THEN a.verdict || COALESCE(' (' || a.because || ')', '')
                ELSE concat(a.verdict, ', ', COALESCE('not before ' || to_char(a.not_before AT TIME ZONE 'UTC',
                                                                               'YYYY-MM-DD HH24:MI "UTC"'), 'at once'))
           END AS now,
           CASE WHEN b.verdict IS NULL THEN 'no candidate'
                WHEN a.verdict IS DISTINCT FROM b.verdict THEN b.verdict
                WHEN a.because IS DISTINCT FROM b.because THEN b.verdict || COALESCE(' (' || b.because || ')', '')
                ELSE concat(b.verdict, ', ', COALESCE('not before ' || to_char(b.not_before AT TIME ZONE 'UTC',
                                                                               'YYYY-MM-DD HH24:MI "UTC"'), 'at once'))
           END AS then,
           COALESCE(CASE WHEN b.because IS NULL OR (b.verdict = 'scheduled' AND a.verdict <> 'scheduled') THEN a.reasons
                         ELSE b.reasons END, '[]') AS reasons
      FROM (SELECT * FROM told WHERE batch_id = %(one)s) AS a
      FULL JOIN (SELECT * FROM told WHERE batch_id = %(other)s) AS b ON b.dedupe_key = a.dedupe_key
     WHERE a.verdict IS DISTINCT FROM b.verdict
        OR a.because IS DISTINCT FROM b.because
        -- Who hears nothing, hears nothing later.
        OR (a.verdict IN ('scheduled', 'held') AND a.not_before IS DISTINCT FROM b.not_before)
), counted AS (
    SELECT changed.*, count(*) OVER kind AS of_this_kind,
           row_number() OVER (PARTITION BY changed.now, changed.then ORDER BY changed.contractor_id) AS place
      FROM changed
    WINDOW kind AS (PARTITION BY changed.now, changed.then)
)
SELECT contractor_id, trigger_name, now, "then", reasons, of_this_kind
  FROM counted
 WHERE place <= %(examples)s
 ORDER BY of_this_kind DESC, now, "then", contractor_id

-- name: batches
-- The newest batches first.
SELECT id, batch_hour, as_of, opened_at, closed_at, dry_run, counts, approved_by
  FROM ige_batches
 ORDER BY id DESC
 LIMIT %(limit)s

-- name: root_run_of
-- How a batch is found again.
SELECT root_run_id FROM ige_batches WHERE id = %(batch_id)s

-- name: held
-- What a held batch would send, for the person who must approve it.
SELECT trigger_name, message_type, count(*) AS messages, min(draft) AS example
  FROM ige_decisions
 WHERE batch_id = %(batch_id)s
   AND decided_on = %(decided_on)s
   AND verdict = 'held'
   AND reasons @> '[{"reason": "blast_radius"}]'
 GROUP BY 1, 2
 ORDER BY 3 DESC

-- name: held_mark
-- Stands for all that a batch holds: whom for, and with which words.
SELECT md5(COALESCE(string_agg(concat_ws(' ', id, md5(draft)), ',' ORDER BY id), '')) AS mark
  FROM ige_decisions
 WHERE batch_id = %(batch_id)s
   AND decided_on = %(decided_on)s
   AND verdict = 'held'
   AND reasons @> '[{"reason": "blast_radius"}]'
