-- name: dead_letters
-- What ended without a further try, the newest first, and what stands against sending it again: that it is too old, or
-- that another message about the same occurrence is under way or has arrived. No text.
SELECT m.id AS message_id, m.contractor_id, COALESCE(m.trigger_name, 'external') AS trigger_name, m.message_type,
       m.dead_at, m.dead_reason, m.attempts,
       CASE WHEN EXISTS (SELECT 1
                           FROM ai_proactive_messages other
                          WHERE other.dedupe_key = m.dedupe_key
                            AND other.id <> m.id
                            AND other.dead_at IS NULL AND other.cancelled_at IS NULL AND other.expired_at IS NULL)
            THEN 'occurrence_taken'
            WHEN %(expires_in)s::interval IS NULL
             AND CASE WHEN m.expires_at IS NOT NULL THEN m.expires_at <= now()
                      ELSE COALESCE(COALESCE(m.created_at, m.updated_at)
                           <= (now() - make_interval(secs => %(expire_after_hours)s::float8 * 3600))::timestamp, true)
                 END
            THEN 'stale' END AS obstacle
  FROM ai_proactive_messages m
 WHERE m.dead_at IS NOT NULL
   AND (%(ids)s::bigint[] IS NULL OR m.id = ANY (%(ids)s::bigint[]))
   AND (%(since)s::timestamptz IS NULL OR m.dead_at >= %(since)s::timestamptz)
   AND (%(reason)s::text IS NULL OR m.dead_reason = %(reason)s::text)
   AND (%(before_at)s::timestamptz IS NULL
        OR (m.dead_at, m.id) < (%(before_at)s::timestamptz, %(before_id)s::bigint))
 ORDER BY m.dead_at DESC, m.id DESC
 LIMIT %(limit)s::bigint

-- name: dead_letter
-- One of them whole, its text included: for the person who asks for exactly this one.
SELECT m.id AS message_id, m.contractor_id, COALESCE(m.trigger_name, 'external') AS trigger_name, m.message_type,
       m.message_content AS text, m.ai_reasoning, m.idempotency_key, m.decision_id, m.attempts,
       m.created_at::timestamptz AS created_at, m.expires_at, m.dead_at, m.dead_reason,
       (SELECT COALESCE(jsonb_agg(jsonb_build_object(
                   'attempt', a.attempt, 'outcome', a.outcome, 'at', COALESCE(a.posted_at, a.ended_at),
                   'status_code', a.status_code, 'error_class', a.error_class, 'reasons', a.reasons,
                   'response', a.response) ORDER BY a.id), '[]')
          FROM ige_delivery_attempts a
         WHERE a.message_id = m.id) AS tried
  FROM ai_proactive_messages m
 WHERE m.id = %(message_id)s
   AND m.dead_at IS NOT NULL

-- name: hold_still
-- Nobody else redrives them meanwhile.
SELECT id FROM ai_proactive_messages WHERE id = ANY (%(ids)s::bigint[]) ORDER BY id FOR UPDATE

-- name: redrive
-- Due again with all its tries, under the same idempotency key; its history stays and gets a line that says who did it.
-- It lives longer only if somebody said so.
WITH before AS (
    SELECT id, attempts, dead_reason FROM ai_proactive_messages WHERE id = %(message_id)s
), again AS (
    UPDATE ai_proactive_messages m
       SET dead_at = NULL, dead_reason = NULL, attempts = 0, deaths = LEAST(deaths, 1), next_attempt_at = NULL, last_error = 'redriven',
           expires_at = COALESCE(now() + %(expires_in)s::interval, m.expires_at)
      FROM before
     WHERE m.id = before.id
       AND m.dead_at IS NOT NULL
    RETURNING m.id, before.attempts, before.dead_reason
)
INSERT INTO ige_delivery_attempts (message_id, run_id, attempt, lease_token, claimed_at, outcome, reasons)
SELECT a.id, 'by hand', a.attempts, gen_random_uuid(), now(), 'Redriven',
       jsonb_build_array(jsonb_build_object('reason', 'redriven', 'observed', a.dead_reason, 'limit', %(who)s::text))
  FROM again a

-- name: reopen_event_message
-- That a message died had been written into the old system's row: it is planned again, or the safeguards would say that
-- nobody wants it any more.
UPDATE event_messages e
   SET status = 'scheduled', error_message = NULL, updated_at = NOW()
  FROM ai_proactive_messages m
 WHERE m.id = %(message_id)s
   AND m.trigger_name = 'event_message_due'
   AND m.subject_table = 'event_messages'
   AND e.id = m.subject_id
   AND e.status = 'failed'
   AND e.error_message = %(dead_reason)s

-- name: reopen_follow_up
-- Taken off the list because its message died and its time was over: it is planned again. One that a person cancelled
-- stays so.
WITH again AS (
    UPDATE contractor_followup_schedules f
       SET status = 'scheduled', updated_at = NOW()
      FROM ai_proactive_messages m
     WHERE m.id = %(message_id)s
       AND m.trigger_name = 'follow_up_due'
       AND m.subject_table = 'contractor_followup_schedules'
       AND m.context_data ->> 'plan_closed' = 'true'
       AND f.id = m.subject_id
       AND f.status = 'cancelled'
       AND m.occurrence = to_char(f.scheduled_time, 'YYYY-MM-DD"T"HH24:MI:SS')
    RETURNING m.id
)
UPDATE ai_proactive_messages m
   SET context_data = m.context_data - 'plan_closed'
  FROM again
 WHERE m.id = again.id
