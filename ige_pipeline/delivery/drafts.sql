-- name: hold_drafts
-- In review mode nothing goes out that no person has seen. A promised text in its own words was written by one.
UPDATE ige_decisions
   SET verdict = 'held',
       decided_at = now(),
       retry_at = now() + make_interval(secs => %(review_hours)s::float8 * 3600),
       reasons = reasons || jsonb_build_array(jsonb_build_object(
           'reason', 'approval_wanted', 'observed', draft_source, 'limit', format('ige drafts approve %%s', id)))
 WHERE batch_id = %(batch_id)s
   AND decided_on = %(decided_on)s
   AND verdict IS NULL
   AND reviewed_at IS NOT NULL
   AND approved_at IS NULL
   AND draft_source NOT LIKE 'promised:%%'

-- name: expire_held
-- Nobody approved them within the time that their own batch was given; from now on the ledger says so. A batch that broke
-- off before it was counted is looked at as well.
UPDATE ige_decisions d
   SET verdict = 'expired', decided_at = now(),
       reasons = d.reasons || '[{"reason": "stale", "observed": "held and not approved", "limit": null}]'
  FROM ige_batches b
 WHERE NOT b.dry_run
   AND (b.counts ? 'held' OR b.closed_at IS NULL)
   AND b.as_of + make_interval(secs => 3600 * COALESCE((b.settings ->> 'expire_after_hours')::float8,
                                                       %(expire_after_hours)s::float8)) <= now()
   AND d.batch_id = b.id
   AND d.decided_on = (b.opened_at AT TIME ZONE 'UTC')::date
   AND d.verdict = 'held'
   AND d.reasons @> '[{"reason": "blast_radius"}]'
RETURNING d.batch_id

-- name: expire_waiting
-- Nobody looked in time, or what was promised is too late by now. `retry_at` is when a draft's time is over; how late a
-- promise may be is what its own batch was told. What a preview would have held waits for nobody.
UPDATE ige_decisions d
   SET verdict = 'expired',
       decided_at = now(),
       retry_at = NULL,
       reasons = jsonb_path_query_array(d.reasons, '$[*] ? (@.reason != "approval_wanted")')
                 || jsonb_build_array(jsonb_build_object(
           'reason', 'not_approved', 'observed', round(EXTRACT(EPOCH FROM now() - d.decided_at) / 3600, 1),
           'limit', NULL))
  FROM ige_batches b
 WHERE b.id = d.batch_id
   AND NOT d.dry_run
   AND d.verdict = 'held'
   AND d.decided_on >= (now() AT TIME ZONE 'UTC')::date - 8
   AND d.reasons @> '[{"reason": "approval_wanted"}]'
   AND (d.retry_at <= now()
        OR (d.promised AND d.due_at + make_interval(secs => 3600 * COALESCE(
               (b.settings ->> 'promised_late_hours')::float8, %(promised_late_hours)s::float8)) <= now()))
RETURNING d.batch_id

-- name: waiting
-- What waits for a person, the oldest first.
SELECT d.id AS draft, d.contractor_id, concat_ws(' ', c.first_name, c.last_name) AS name, d.trigger_name,
       d.message_type, d.reason AS why_due, d.draft AS text, d.draft_source AS source, length(d.draft) AS characters,
       d.decided_at AS waits_since, d.retry_at AS expires_at, d.batch_id, d.decided_on, d.facts
  FROM ige_decisions d
  LEFT JOIN contractors c ON c.id = d.contractor_id
 WHERE d.verdict = 'held'
   AND d.decided_on >= (now() AT TIME ZONE 'UTC')::date - 8
   AND d.reasons @> '[{"reason": "approval_wanted"}]'
   AND NOT d.dry_run
   AND (%(id)s::bigint IS NULL OR d.id = %(id)s)
   AND (%(after_at)s::timestamptz IS NULL
        OR (d.decided_at, d.id) > (%(after_at)s::timestamptz, %(after_id)s::bigint))
 ORDER BY d.decided_at, d.id
 LIMIT %(at_most)s::bigint

-- name: count_waiting
-- How many wait, of whichever batch.
SELECT count(*) AS drafts
  FROM ige_decisions
 WHERE verdict = 'held'
   AND decided_on >= (now() AT TIME ZONE 'UTC')::date - 8
   AND reasons @> '[{"reason": "approval_wanted"}]'
   AND NOT dry_run

-- name: waiting_in_batch
-- How many of a batch's decisions are held for a person, dry runs included.
SELECT count(*) AS drafts
  FROM ige_decisions
 WHERE batch_id = %(batch_id)s
   AND decided_on = %(decided_on)s
   AND verdict = 'held'
   AND reasons @> '[{"reason": "approval_wanted"}]'

-- name: verdict_of
-- What became of a decision that waits no more.
SELECT id, verdict, reasons, approved_by, message_id
  FROM ige_decisions
 WHERE id = %(id)s
   AND decided_on >= (now() AT TIME ZONE 'UTC')::date - 90

-- name: lock_draft
-- Two people who look at the same draft act one after the other.
SELECT id
  FROM ige_decisions
 WHERE id = %(id)s AND decided_on = %(decided_on)s AND verdict = 'held'
   FOR UPDATE

-- name: release
-- Signed: undecided again, so that the batch's own path schedules it.
UPDATE ige_decisions
   SET verdict = NULL, decided_at = NULL, retry_at = NULL, approved_at = now(), approved_by = %(who)s,
       not_before = %(not_before)s::timestamptz,
       reasons = jsonb_path_query_array(reasons,
                     '$[*] ? (@.reason != "approval_wanted" && @.reason != "quiet_hours")') || %(reasons)s::jsonb
 WHERE id = %(id)s
   AND decided_on = %(decided_on)s

-- name: stop
-- Approved, but a safeguard stands against it by now.
UPDATE ige_decisions
   SET verdict = %(verdicts)s, decided_at = now(), retry_at = %(retry_at)s::timestamptz, approved_at = now(), approved_by = %(who)s,
       reasons = jsonb_path_query_array(reasons,
                     '$[*] ? (@.reason != "approval_wanted" && @.reason != "quiet_hours")') || %(reasons)s::jsonb
 WHERE id = %(id)s
   AND decided_on = %(decided_on)s

-- name: reject
-- A person said no.
UPDATE ige_decisions
   SET verdict = 'rejected', decided_at = now(), retry_at = NULL,
       reasons = jsonb_path_query_array(reasons, '$[*] ? (@.reason != "approval_wanted")') || %(reasons)s::jsonb
 WHERE id = %(id)s
   AND decided_on = %(decided_on)s

-- name: reopen
-- The new text is reviewed like a new draft.
UPDATE ige_decisions
   SET verdict = NULL, decided_at = NULL, reviewed_at = NULL, draft = %(text)s,
       draft_source = 'edited:' || regexp_replace(draft_source, '^edited:', '')
 WHERE id = %(id)s
   AND decided_on = %(decided_on)s

-- name: hold_again
-- It waits on, and not longer than before.
UPDATE ige_decisions
   SET verdict = 'held', decided_at = %(waits_since)s
 WHERE id = %(id)s
   AND decided_on = %(decided_on)s

-- name: candidate
-- What the recipients' safeguards ask about.
SELECT id, contractor_id, trigger_name, message_type, priority, urgency, promised, changed_since
  FROM ige_decisions
 WHERE id = %(id)s
   AND decided_on = %(decided_on)s
