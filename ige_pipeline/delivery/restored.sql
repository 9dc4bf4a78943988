-- name: let_go
-- Whoever held these when the backup was made does not hold them here.
UPDATE ai_proactive_messages
   SET lease_owner = NULL, lease_token = NULL, lease_expires_at = NULL, last_error = 'run_died',
       deaths = LEAST(COALESCE(deaths, 0) + 1, 100)
 WHERE lease_token IS NOT NULL

-- name: perhaps_sent
-- Unsent in the copy; whether the original sent them nobody knows here.
SELECT m.id
  FROM ai_proactive_messages m
 WHERE m.sent_at IS NULL AND m.dead_at IS NULL AND m.cancelled_at IS NULL AND m.expired_at IS NULL
 ORDER BY m.id
