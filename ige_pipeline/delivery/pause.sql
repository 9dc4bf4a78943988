-- name: pause
-- In the columns that the application has for it, and reads, too.
UPDATE contractors
   SET ai_proactive_paused = true,
       ai_pause_reason = %(reason)s,
       ai_pause_until = %(until)s::timestamptz::timestamp,
       updated_at = NOW()
 WHERE id = %(contractor_id)s
RETURNING id

-- name: resume
-- Only a pause is lifted: an opt-out, a gap or quiet hours hold as before.
UPDATE contractors
   SET ai_proactive_paused = false, ai_pause_reason = NULL, ai_pause_until = NULL, updated_at = NOW()
 WHERE id = %(contractor_id)s
RETURNING id

-- name: is_past
-- The database owns the clock.
SELECT %(until)s::timestamptz <= now() AS past
