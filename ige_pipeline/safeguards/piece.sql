-- name: cut
-- Where a batch may be cut into pieces of about so many candidates: each ends with somebody's last one. What was promised
-- is in the ledger already.
SELECT DISTINCT contractor_id AS last
  FROM (SELECT contractor_id, row_number() OVER by_contractor AS place,
               lead(contractor_id) OVER by_contractor IS NULL AS at_the_end
          FROM (SELECT c.contractor_id
                  FROM {candidates} c
                 WHERE c.batch_id = %(batch_id)s
                   AND c.contractor_id BETWEEN %(first)s AND %(last)s
                 UNION ALL
                SELECT d.contractor_id
                  FROM ige_decisions d
                 WHERE d.batch_id = %(batch_id)s
                   AND d.decided_on = %(decided_on)s
                   AND d.screened_at IS NULL
                   AND d.contractor_id BETWEEN %(first)s AND %(last)s) AS undecided
        WINDOW by_contractor AS (ORDER BY contractor_id)) AS placed
 WHERE place %% %(at_once)s::bigint = 0
    OR at_the_end
 ORDER BY last

-- name: unscreened
-- What was promised and no safeguard has looked at yet.
SELECT d.id, d.contractor_id
  FROM ige_decisions d
 WHERE d.batch_id = %(batch_id)s
   AND d.decided_on = %(decided_on)s
   AND d.screened_at IS NULL
   AND d.contractor_id BETWEEN %(first)s AND %(last)s
 ORDER BY d.contractor_id

-- name: begun
-- Whether the safeguards have looked at some of these before: a run that broke off is gone on with.
SELECT EXISTS (SELECT
                 FROM ige_decisions d
                WHERE d.batch_id = %(batch_id)s
                  AND d.decided_on = %(decided_on)s
                  AND d.contractor_id BETWEEN %(first)s AND %(last)s
                  AND d.screened_at IS NOT NULL) AS begun

-- name: contractors
-- Whose facts a piece needs, as the text of an array: it is handed back as it is.
SELECT COALESCE(array_agg(contractor_id ORDER BY contractor_id), '{{}}')::text AS ids
  FROM (SELECT c.contractor_id
          FROM {candidates} c
         WHERE c.batch_id = %(batch_id)s
           AND c.contractor_id BETWEEN %(first)s AND %(last)s
         UNION
        SELECT d.contractor_id
          FROM ige_decisions d
         WHERE d.id = ANY (%(promised_ids)s::bigint[])
           AND d.decided_on = %(decided_on)s) AS theirs

-- name: forget_piece
-- That of the piece before, where both belong to one transaction.
DROP TABLE IF EXISTS pg_temp.kept_facts, pg_temp.piece

-- name: keep_facts
-- What is known of a piece's contractors stays with Postgres, beside what the ledger keeps of it: never the number
-- itself, nor the lists behind the counts.
--
-- `plain` is a sieve and no second law: it says of whom the safeguards (recipient.py) certainly find nothing but quiet
-- hours, and a test holds it to that. Whatever is unknown is not plain. Gaps and pauses are taken a second too long.
--
-- OFFSET has each fact worked out once. Without it the planner works it out wherever it is named, which is thrice.
CREATE TEMPORARY TABLE kept_facts ON COMMIT DROP AS
SELECT seen.*,
       ROW(seen.known, seen.phone_verdict, seen.phone_verdict <> 'none', seen.timezone, seen.phone_zones,
           seen.phone_state, seen.suppressed, seen.consent, seen.paused, seen.paused_until, seen.waiting_message_id,
           seen.last_message_id, seen.last_sent_at, seen.sent_day, seen.sent_week, seen.sent_30_days, seen.recent_sent,
           seen.recent_unanswered, seen.recent_last_sent_at, seen.trust_score, seen.complaints, seen.complained_at
          )::ige_known_of_recipient AS recipient_known,
       COALESCE(seen.known AND NOT seen.suppressed AND NOT seen.paused
                AND seen.phone_verdict = 'possible'
                AND (seen.consent = 'given' OR (seen.consent = 'none' AND %(consent_not_needed)s::boolean))
                AND seen.waiting_message_id IS NULL
                AND (num_nonnulls(seen.last_message_id, seen.last_sent_at) = 0
                     OR seen.last_sent_at < seen.asked_at - make_interval(secs => %(widest_gap_seconds)s::float8 + 1))
                AND (seen.recent_sent < %(ignored_in_a_row)s::bigint
                     OR seen.recent_unanswered < %(ignored_in_a_row)s::bigint
                     OR seen.recent_last_sent_at
                        < seen.asked_at - make_interval(secs => %(ignored_pause_days)s::float8 * 86400 + 1))
                AND num_nulls(seen.recent_sent, seen.recent_unanswered, seen.sent_day, seen.sent_week,
                              seen.sent_30_days) = 0
                AND COALESCE(seen.trust_score, %(trust_without_record)s::integer) >= %(min_trust_score)s::integer
                AND seen.complaints < %(complaints_at_most)s::bigint
                -- A state's law may allow one in 24 hours.
                AND seen.sent_day = 0
                AND (seen.sent_week < %(cap_per_week)s::bigint OR %(cap_per_week)s::bigint = 0)
                AND (seen.sent_week < %(cap_per_type_per_week)s::bigint OR %(cap_per_type_per_week)s::bigint = 0)
                AND (seen.sent_30_days < %(cap_per_30_days)s::bigint OR %(cap_per_30_days)s::bigint = 0),
                false) AS plain
  FROM ({facts} OFFSET 0) AS seen

-- name: places
-- Where those live who are plain: thousands in a few hundred places, each of which is asked about once.
SELECT DISTINCT COALESCE(timezone, '') AS timezone, COALESCE(phone_zones, '') AS phone_zones,
       COALESCE(phone_state, '') AS phone_state, asked_at
  FROM {facts}
 WHERE plain

-- name: plan_for_hashes
-- For the rest of this transaction: nobody knows yet how many candidates there are, and planned for one, 50,000 take
-- hours. A piece's rows, wide as they are, then fit into memory and are not written to disk for each join.
SELECT set_config('enable_nestloop', 'off', true), set_config('work_mem', '32MB', true)

-- name: take_piece
-- A piece's candidates, and who of them nobody need look at (`sure`): all of a contractor's rows are ordinary, the facts
-- are plain, and what their place says of the hour is known. The first of each contractor's would win (ranking.py).
CREATE TEMPORARY TABLE piece ON COMMIT DROP AS
SELECT found.id, found.contractor_id, found.trigger_name, found.message_type, found.priority, found.urgency,
       found.promised, found.changed_since, found.staged,
       k.plain AND place.timezone IS NOT NULL AND NOT bool_or(found.odd) OVER theirs AS sure,
       first_value(found.id) OVER ranked AS won_id,
       first_value(found.trigger_name) OVER ranked AS won_by,
       place.reasons::jsonb AS asleep, NULLIF(place.verdict, '') AS verdict,
       NULLIF(place.not_before, '')::timestamptz AS not_before, NULLIF(place.retry_at, '')::timestamptz AS retry_at
  FROM (SELECT c.id, c.contractor_id, c.trigger_name, c.message_type, c.priority, c.urgency, false AS promised,
               c.changed_since, true AS staged, c.changed_since OR c.urgency = 'NaN' AS odd
          FROM {candidates} c
         WHERE c.batch_id = %(batch_id)s
           AND c.contractor_id BETWEEN %(first)s AND %(last)s
           -- What a repeated run finds again was decided the first time, and competes with nobody.
           AND (NOT %(begun)s::boolean
                OR NOT EXISTS (SELECT
                                 FROM ige_decisions known
                                WHERE known.batch_id = %(batch_id)s
                                  AND known.decided_on = %(decided_on)s
                                  AND known.dedupe_key = c.dedupe_key))
         UNION ALL
        SELECT d.id, d.contractor_id, d.trigger_name, d.message_type, d.priority, d.urgency, d.promised,
               d.changed_since, false, true
          FROM ige_decisions d
         WHERE d.id = ANY (%(promised_ids)s::bigint[])
           AND d.decided_on = %(decided_on)s) AS found
  JOIN {facts} k ON k.contractor_id = found.contractor_id
  LEFT JOIN unnest(%(timezones)s::text[], %(phone_zones)s::text[], %(phone_states)s::text[], %(reasons)s::text[],
                   %(verdicts)s::text[], %(not_before)s::text[], %(retry_at)s::text[])
            AS place (timezone, phone_zones, phone_state, reasons, verdict, not_before, retry_at)
         ON place.timezone = COALESCE(k.timezone, '')
        AND place.phone_zones = COALESCE(k.phone_zones, '')
        AND place.phone_state = COALESCE(k.phone_state, '')
WINDOW theirs AS (PARTITION BY found.contractor_id),
       ranked AS (PARTITION BY found.contractor_id ORDER BY found.priority DESC, found.urgency DESC, found.id)

-- name: count_piece
-- How many candidates the ledger is to get.
SELECT count(*) FILTER (WHERE staged) AS candidates FROM {piece}

-- name: unsure
-- Those whom the safeguards have to look at, with all that they look at.
SELECT p.id, p.contractor_id, p.trigger_name, p.message_type, p.priority, p.urgency, p.promised, p.changed_since,
       p.staged, k.known, k.phone_verdict, k.timezone, k.phone_zones, k.phone_state, k.paused, k.paused_until,
       k.suppressed, k.consent, k.waiting_message_id, k.last_message_id, k.last_sent_at, k.sent_day, k.sent_week,
       k.sent_30_days, k.recent_times, k.recent_types, k.recent_sent, k.recent_unanswered, k.recent_last_sent_at,
       k.trust_score, k.complaints, k.complained_at, k.asked_at
  FROM {piece} p
  JOIN {facts} k ON k.contractor_id = p.contractor_id
 WHERE NOT p.sure
 ORDER BY p.contractor_id, p.id

-- name: facts_as_text
-- What is known, as a piece of the text in which thousands of decisions are written at once.
SELECT contractor_id, recipient_known::text AS facts
  FROM {facts}
 WHERE contractor_id = ANY (%(contractor_ids)s::bigint[])

-- name: record_new
-- One statement for thousands of candidates: each becomes a decision, with what was known, every reason, and the verdict
-- where there already is one. Whoever was not sure has to have been told. A repeated run (`unless_known`) leaves what was
-- seen before as it is.
INSERT INTO ige_decisions (id, decided_on, batch_id, contractor_id, trigger_name, message_type, priority, urgency,
                           subject_table, subject_id, occurrence, dedupe_key, reason, facts, changed_since, dry_run,
                           created_at, screened_at, recipient_known, reasons, verdict, decided_at, not_before, retry_at)
SELECT c.id, c.decided_on, c.batch_id, c.contractor_id, c.trigger_name, c.message_type, c.priority, c.urgency,
       c.subject_table, c.subject_id, c.occurrence, c.dedupe_key, c.reason, c.facts, c.changed_since, c.dry_run,
       c.created_at, now(), k.recipient_known, judged.reasons, judged.verdict,
       CASE WHEN judged.verdict IS NOT NULL THEN now() END, judged.not_before, judged.retry_at
  FROM {candidates} c
  JOIN (SELECT p.id, p.contractor_id,
               CASE WHEN p.won_id = p.id THEN p.asleep
                    ELSE p.asleep || jsonb_build_object('reason', 'outranked', 'limit', %(one_message)s::text, 'observed',
                                                        format('%%s (decision %%s)', p.won_by, p.won_id)) END AS reasons,
               CASE WHEN p.won_id = p.id THEN p.verdict ELSE 'outranked' END AS verdict, p.not_before,
               CASE WHEN p.won_id = p.id THEN p.retry_at END AS retry_at
          FROM {piece} p
         WHERE p.sure
         UNION ALL
        SELECT p.id, p.contractor_id, told.reasons::jsonb, told.verdict, told.not_before, told.retry_at
          FROM unnest(string_to_array(%(ids)s, chr(30))::bigint[],
                      string_to_array(%(reasons)s, chr(30)),
                      string_to_array(%(verdicts)s, chr(30), ''),
                      string_to_array(%(not_before)s, chr(30), '')::timestamptz[],
                      string_to_array(%(retry_at)s, chr(30), '')::timestamptz[])
               AS told (id, reasons, verdict, not_before, retry_at)
          JOIN {piece} p ON p.id = told.id
         WHERE p.staged AND NOT p.sure) AS judged ON judged.id = c.id
  JOIN {facts} k ON k.contractor_id = judged.contractor_id
 WHERE c.batch_id = %(batch_id)s
   AND c.contractor_id BETWEEN %(first)s AND %(last)s
{unless_known}

-- name: forget_screened
-- They are in the ledger now.
DELETE FROM {candidates}
 WHERE batch_id = %(batch_id)s
   AND contractor_id BETWEEN %(first)s AND %(last)s

-- name: left_undecided
-- How many of a piece nobody decided about; asked where fewer were recorded than there were.
SELECT count(*) AS left_undecided
  FROM {piece} p
  LEFT JOIN ige_decisions d ON d.id = p.id AND d.decided_on = %(decided_on)s
 WHERE d.screened_at IS NULL
   AND p.staged

-- name: plan_for_look_ups
-- For the rest of this transaction: look each row up by its id. Of a batch that was written a second ago there are no
-- statistics, or those of the hours before, which say that hardly any row is unscreened; planned for one row, 50,000 take
-- hours. A hash of the whole day for each piece is little better.
SELECT set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true),
       set_config('enable_material', 'off', true)

-- name: record_screening
-- One statement for thousands: what was known, every reason, and the verdict where there already is one. LIMIT leaves the
-- planner one way to find the rows, whatever it believes about the table; their places then lead to them.
UPDATE ige_decisions d
   SET screened_at = now(),
       recipient_known = s.facts::ige_known_of_recipient,
       reasons = CASE WHEN s.closed THEN d.reasons || s.reasons::jsonb ELSE s.reasons::jsonb END,
       verdict = CASE WHEN s.closed THEN d.verdict ELSE s.verdict END,
       decided_at = CASE WHEN s.closed THEN d.decided_at WHEN s.verdict IS NOT NULL THEN now() END,
       not_before = CASE WHEN NOT s.closed THEN s.not_before END,
       retry_at = CASE WHEN NOT s.closed THEN s.retry_at END
  FROM (SELECT told.*, unscreened.place, unscreened.closed
          FROM unnest(string_to_array(%(ids)s, chr(30))::bigint[],
                      string_to_array(%(facts)s, chr(30)),
                      string_to_array(%(reasons)s, chr(30)),
                      string_to_array(%(verdicts)s, chr(30), ''),
                      string_to_array(%(not_before)s, chr(30), '')::timestamptz[],
                      string_to_array(%(retry_at)s, chr(30), '')::timestamptz[])
               AS told (id, facts, reasons, verdict, not_before, retry_at)
         -- A promise that is too late, or whose item is done, was closed before and stays so.
         CROSS JOIN LATERAL (SELECT u.ctid AS place, COALESCE(u.verdict IN ('expired', 'blocked'), false) AS closed
                               FROM ige_decisions u
                              WHERE u.id = told.id
                                AND u.decided_on = %(decided_on)s
                                AND u.screened_at IS NULL
                              LIMIT 1) unscreened) AS s
 WHERE d.ctid = s.place
   AND d.decided_on = %(decided_on)s
