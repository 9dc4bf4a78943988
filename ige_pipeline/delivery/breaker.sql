-- name: note_calls
-- Count what came back, and say how the endpoint stands; the window's other ten-second rows are added up beside.
WITH noted AS (
    INSERT INTO ige_endpoint_calls AS c (endpoint, since, calls, failures)
    VALUES (%(endpoint)s, to_timestamp(floor(EXTRACT(EPOCH FROM now()) / 10) * 10), %(calls)s, %(failures)s)
    ON CONFLICT (endpoint, since) DO UPDATE
       SET calls = c.calls + EXCLUDED.calls, failures = c.failures + EXCLUDED.failures
    RETURNING c.since, c.calls, c.failures
), known AS (
    INSERT INTO ige_circuits AS k (endpoint, accepted_at)
    VALUES (%(endpoint)s, %(accepted_at)s)
    ON CONFLICT (endpoint) DO UPDATE SET accepted_at = GREATEST(k.accepted_at, EXCLUDED.accepted_at)
    RETURNING k.*
)
SELECT k.state, k.reason, k.opened_at, k.probe_at, k.alerted, k.accepted_at, k.waits, k.version, now() AS now,
       noted.calls + COALESCE(others.calls, 0) AS calls, noted.failures + COALESCE(others.failures, 0) AS failures
  FROM known k
 CROSS JOIN noted
 CROSS JOIN LATERAL (SELECT sum(c.calls)::bigint AS calls, sum(c.failures)::bigint AS failures
                       FROM ige_endpoint_calls c
                      WHERE c.endpoint = k.endpoint
                        AND c.since > now() - interval '5 minutes'
                        AND c.since <> noted.since) others

-- name: circuit
-- How an endpoint stands, and what came back from it in the last five minutes.
SELECT k.endpoint, k.state, k.reason, k.opened_at, k.probe_at, k.alerted, k.accepted_at, k.waits, k.version,
       now() AS now,
       window_of.calls, window_of.failures
  FROM ige_circuits k
 CROSS JOIN LATERAL (SELECT COALESCE(sum(c.calls), 0)::bigint AS calls,
                            COALESCE(sum(c.failures), 0)::bigint AS failures
                       FROM ige_endpoint_calls c
                      WHERE c.endpoint = k.endpoint
                        AND c.since > now() - interval '5 minutes') window_of
 WHERE %(endpoint)s::text IS NULL OR k.endpoint = %(endpoint)s
 ORDER BY k.endpoint

-- name: change_circuit
-- Only from what it was decided upon: another run may have seen something else meanwhile.
UPDATE ige_circuits
   SET state = %(state)s, reason = %(reason)s, opened_at = %(opened_at)s, probe_at = %(probe_at)s,
       alerted = %(alerted)s, waits = %(waits)s, version = version + 1
 WHERE endpoint = %(endpoint)s AND version = %(version)s

-- name: forget_calls
-- A circuit that closes begins to count anew.
DELETE FROM ige_endpoint_calls WHERE endpoint = %(endpoint)s

-- name: forget_old_calls
-- What no window looks at any more.
DELETE FROM ige_endpoint_calls WHERE since < now() - interval '1 hour'

-- name: take_probe
-- One run gets to try one message; if it dies, another does once its lease would be over.
UPDATE ige_circuits
   SET state = 'half_open', probe_at = now() + make_interval(secs => %(lease_seconds)s::float8), version = version + 1
 WHERE endpoint = %(endpoint)s
   AND state <> 'closed'
   AND probe_at <= now()

-- name: return_probe
-- Nothing was there to be tried: the next run may look at once.
UPDATE ige_circuits
   SET state = 'open', probe_at = now(), version = version + 1
 WHERE endpoint = %(endpoint)s AND state = 'half_open'

-- name: resume
-- A person says that it is mended.
UPDATE ige_circuits
   SET state = 'closed', reason = NULL, opened_at = NULL, probe_at = NULL, alerted = 0, waits = 0, version = version + 1
 WHERE endpoint = %(endpoint)s

-- name: end_waits
-- Nor need those wait any longer that were asked to.
UPDATE ai_proactive_messages m
   SET next_attempt_at = now()
 WHERE m.sent_at IS NULL AND m.dead_at IS NULL AND m.cancelled_at IS NULL AND m.expired_at IS NULL
   AND m.lease_token IS NULL
   AND m.last_error = 'http_429'
   AND m.next_attempt_at > now()

-- name: raise_alert
-- Kept until its cause is gone; what happens again meanwhile is counted.
WITH again AS (
    UPDATE ige_alerts
       SET times = times + 1, last_at = now(), sentence = %(sentence)s
     WHERE kind = %(kind)s AND about = %(about)s AND ended_at IS NULL
    RETURNING id
)
INSERT INTO ige_alerts (kind, about, sentence)
SELECT %(kind)s, %(about)s, %(sentence)s
 WHERE NOT EXISTS (SELECT 1 FROM again)

-- name: end_alerts
-- The cause is gone.
UPDATE ige_alerts SET ended_at = now() WHERE about = %(about)s AND ended_at IS NULL

-- name: open_alerts
-- What a person should look at, the newest first.
SELECT at, kind, about, sentence FROM ige_alerts WHERE ended_at IS NULL ORDER BY id DESC LIMIT 20

-- name: open_checks
-- What the checks go by: all of them, where a person is shown the newest.
SELECT DISTINCT about FROM ige_alerts WHERE kind = 'check' AND ended_at IS NULL
