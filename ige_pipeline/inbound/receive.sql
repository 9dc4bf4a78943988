-- name: take
-- A reply is one, however often it is sent to us: a second try of the same id waits for the first and then finds it.
INSERT INTO ige_inbound_messages (provider_id, proof, sent_from, sent_to, phone_e164, body, media, meaning, rule, flag)
VALUES (%(provider_id)s, %(proof)s, %(sent_from)s, %(sent_to)s, %(phone_e164)s, %(body)s, %(media)s, %(meaning)s,
        %(rule)s, %(flag)s)
    ON CONFLICT (provider_id) DO NOTHING
RETURNING id

-- name: taken
-- What became of it the first time, and whether it is the same text. Whoever brought it may never have heard what to text
-- back: within five minutes it is told again, as long as it is still so and nothing is stopped.
SELECT i.id, i.meaning, i.contractor_id, i.message_id, i.flag,
       i.sent_from = %(sent_from)s
       AND (i.body = %(body)s OR i.body_digest = sha256(convert_to(%(body)s, 'UTF8'))) AS same,
       CASE WHEN i.received_at > now() - interval '5 minutes'
             AND (i.meaning NOT IN ('opt_in', 'opt_out')
                  OR (i.meaning = 'opt_out') = EXISTS (SELECT FROM ige_suppressions s
                                                        WHERE s.phone_e164 = i.phone_e164
                                                          AND s.lifted_at IS NULL))
             AND NOT EXISTS (SELECT FROM ige_switches w WHERE w.name = 'stop' AND (w.value ->> 'on')::boolean)
            THEN i.answer END AS answer
  FROM ige_inbound_messages i
 WHERE i.provider_id = %(provider_id)s

-- name: hold_number
-- One text from a number after the other: a STOP and a START at once must not both be half done.
SELECT pg_advisory_xact_lock(hashtextextended(%(phone_e164)s, 366))

-- name: spelled_so
-- Which of these ways to write a number has a contractor, whom nobody may have looked at yet?
SELECT c.id FROM contractors c WHERE c.phone = ANY (%(spellings)s) AND length(c.phone) <= 64

-- name: whose
-- Whose number it is, and what they were sent last: by the number itself, by a local one that ends so, by a number that
-- they had when we introduced ourselves. Who was written to last comes first.
WITH people AS (
    SELECT c.id, 'number' AS known_by, 1 AS place
      FROM ige_phones p
      JOIN contractors c ON c.phone = p.raw AND length(c.phone) <= 64
     WHERE p.e164 = %(phone_e164)s AND p.region = %(region)s
    UNION
    SELECT c.id, 'local number', 2
      FROM ige_phones p
      JOIN contractors c ON c.phone = p.raw AND length(c.phone) <= 64
     WHERE p.local_digits IS NOT NULL
       AND right(p.local_digits, 4) = right(%(phone_e164)s, 4)
       AND %(phone_e164)s LIKE '%%' || p.local_digits
       AND p.region = %(region)s
    UNION
    (SELECT m.contractor_id, 'earlier number', 3
       FROM ai_proactive_messages m
      WHERE m.written_for = %(phone_e164)s AND m.says_opt_out AND m.sent_at IS NOT NULL AND m.contractor_id IS NOT NULL
      ORDER BY m.sent_at DESC
      LIMIT 1)
)
SELECT p.id AS contractor_id, p.known_by, last.id AS message_id
  FROM people p
  -- One that was to be sent once more had left, too.
  LEFT JOIN LATERAL (SELECT each.id, each.sent_at
                       FROM ((SELECT m.id, m.sent_at
                                FROM ai_proactive_messages m
                               WHERE m.contractor_id = p.id
                                 AND m.sent_at IS NOT NULL
                                 AND m.confirms_opt_out IS NULL
                               ORDER BY m.sent_at DESC
                               LIMIT 1)
                             UNION ALL
                             SELECT m.id, m.earlier_sent_at
                               FROM ai_proactive_messages m
                              WHERE m.contractor_id = p.id
                                AND m.sent_at IS NULL
                                AND m.earlier_sent_at IS NOT NULL) each
                      ORDER BY each.sent_at DESC
                      LIMIT 1) last ON true
 WHERE p.place = (SELECT min(place) FROM people)
 ORDER BY last.sent_at DESC NULLS LAST, p.id

-- name: stopped
-- Whether all sending is stopped: what would be texted back is held as well.
SELECT 1 AS stopped FROM ige_switches s WHERE s.name = 'stop' AND (s.value ->> 'on')::boolean

-- name: arrived
-- What was to be sent once more had arrived after all: it does not leave again.
UPDATE ai_proactive_messages m
   SET sent_at = m.earlier_sent_at, sent_by_us = true, next_attempt_at = NULL, last_error = NULL, resent = m.resent - 1
 WHERE m.id = %(message_id)s
   AND m.earlier_sent_at IS NOT NULL
   AND m.sent_at IS NULL AND m.dead_at IS NULL AND m.cancelled_at IS NULL AND m.expired_at IS NULL
   AND m.lease_token IS NULL

-- name: acted_already
-- Whether a message has been thanked for what it led to, by a reply or by an item that was done.
SELECT m.id
  FROM ai_proactive_messages m
 WHERE m.id = %(message_id)s
   AND (m.led_to_action
        OR EXISTS (SELECT 1
                     FROM ige_inbound_messages i
                    WHERE i.message_id = m.id
                      AND i.indicator = 'acted_on_suggestion'))

-- name: respond
-- The first answer stays what it is.
UPDATE ai_proactive_messages m
   SET contractor_response = %(body)s, response_received_at = NOW(), conversation_continued = %(goes_on)s,
       outcome_rating = COALESCE(m.outcome_rating, %(rating)s), updated_at = NOW()
 WHERE m.id = %(message_id)s
   AND m.contractor_response IS NULL
   AND m.response_received_at IS NULL

-- name: continue_conversation
-- They wrote more about the same.
UPDATE ai_proactive_messages
   SET conversation_continued = true, updated_at = NOW()
 WHERE id = %(message_id)s
   AND conversation_continued IS NOT TRUE

-- name: respond_to_follow_up
-- The old system's row of it, which others read.
UPDATE contractor_followup_schedules f
   SET response_received_at = NOW(), response_text = %(body)s, updated_at = NOW()
  FROM ai_proactive_messages m
 WHERE m.id = %(message_id)s
   AND m.subject_table = 'contractor_followup_schedules'
   AND f.id = m.subject_id
   AND f.response_received_at IS NULL
   AND f.response_text IS NULL

-- name: respond_to_event_message
-- As above.
UPDATE event_messages e
   SET response_time = NOW(), response_received = %(body)s, updated_at = NOW()
  FROM ai_proactive_messages m
 WHERE m.id = %(message_id)s
   AND m.subject_table = 'event_messages'
   AND e.id = m.subject_id
   AND e.response_time IS NULL
   AND e.response_received IS NULL

-- name: pause
-- A pause that lasts longer, or has no end, stays.
UPDATE contractors c
   SET ai_proactive_paused = true, ai_pause_reason = 'complaint',
       ai_pause_until = NOW() + make_interval(secs => %(days)s::float8 * 86400), updated_at = NOW()
 WHERE c.id = ANY (%(contractor_ids)s::bigint[])
   AND (c.ai_proactive_paused IS NOT TRUE
        OR c.ai_pause_until < NOW() + make_interval(secs => %(days)s::float8 * 86400))

-- name: settle
-- What became of a reply.
UPDATE ige_inbound_messages
   SET indicator = %(indicator)s, complaint = %(complaint)s, contractor_id = %(contractor_id)s,
       message_id = %(message_id)s, first_response = %(first_response)s, answer = %(answer)s, cancelled = %(cancelled)s,
       flag = %(flag)s
 WHERE id = %(id)s
