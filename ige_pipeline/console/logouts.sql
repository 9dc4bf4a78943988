-- name: log_out
-- A cookie that was copied must not open anything any more. What would be over by itself need not be remembered.
WITH over AS (
    DELETE FROM ige_console_logouts WHERE until <= now()
)
INSERT INTO ige_console_logouts (mark, until) VALUES (%(mark)s, %(until)s)
ON CONFLICT (mark) DO NOTHING

-- name: is_out
-- Whether somebody logged out of this session.
SELECT EXISTS (SELECT FROM ige_console_logouts WHERE mark = %(mark)s) AS out
