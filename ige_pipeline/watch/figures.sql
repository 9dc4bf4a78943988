-- name: oldest_due
-- Since when the oldest message could have left, whatever keeps it: held, stopped, rate-limited or failing. What a
-- safeguard put off is due again only when that is over.
SELECT now() AS asked_at, count(*) AS messages,
       COALESCE(EXTRACT(EPOCH FROM now() - min(due.since)) / 60, 0)::float8 AS minutes
  FROM (SELECT GREATEST(COALESCE(m.created_at, m.updated_at)::timestamptz, m.not_before, put_off.until) AS since
          FROM ai_proactive_messages m
          LEFT JOIN LATERAL (SELECT last.next_attempt_at AS until
                               FROM (SELECT a.outcome, a.next_attempt_at
                                       FROM ige_delivery_attempts a
                                      WHERE a.message_id = m.id
                                      ORDER BY a.id DESC
                                      LIMIT 1) AS last
                              WHERE last.outcome = 'Postponed') AS put_off ON m.next_attempt_at IS NOT NULL
         WHERE m.sent_at IS NULL AND m.dead_at IS NULL AND m.cancelled_at IS NULL AND m.expired_at IS NULL) AS due
 WHERE due.since <= now()

-- name: answers
-- What came of the last hour's POSTs. To be told to slow down is no failure.
SELECT count(*) FILTER (WHERE a.posted_at IS NOT NULL) AS posted,
       count(*) FILTER (WHERE a.posted_at IS NOT NULL
                          AND a.outcome <> 'Delivered'
                          AND a.status_code IS DISTINCT FROM 429) AS failed
  FROM ige_delivery_attempts a
 WHERE a.ended_at > now() - interval '1 hour'

-- name: unconfirmed
-- Opt-outs of a day that hold, and whose one confirmation nobody got within its five minutes: no run took it in time.
SELECT count(*) AS messages
  FROM ai_proactive_messages m
  JOIN ige_inbound_messages i ON i.id = m.confirms_opt_out
  JOIN ige_suppressions s ON s.phone_e164 = i.phone_e164 AND s.lifted_at IS NULL
 WHERE m.confirms_opt_out IS NOT NULL
   AND m.sent_at IS NULL
   AND m.cancel_reason IS DISTINCT FROM 'suppressed'
   AND m.expires_at BETWEEN now() - interval '24 hours' AND now()

-- name: dead_in_a_day
-- Somebody should look at them.
SELECT count(*) AS messages FROM ai_proactive_messages WHERE dead_at > now() - interval '24 hours'

-- name: batches
-- The newest whole batch and those it is compared with. A batch of promised triggers alone often finds nothing, rightly.
SELECT b.id, b.opened_at,
       (SELECT COALESCE(sum(n::bigint), 0) FROM jsonb_each_text(b.counts) AS each (verdict, n))::bigint AS candidates,
       COALESCE((b.counts ->> 'blocked')::bigint, 0) AS blocked
  FROM ige_batches b
 WHERE b.closed_at IS NOT NULL
   AND NOT b.dry_run
   AND NOT b.triggers <@ %(promised)s::text[]
 ORDER BY b.id DESC
 LIMIT 25

-- name: spent_today
-- What this UTC day's batches have taken for the model.
SELECT COALESCE(sum(taken_usd), 0)::float8 AS usd
  FROM ige_model_spend
 WHERE day = (now() AT TIME ZONE 'UTC')::date

-- name: unsent
-- Everything that is still to leave.
SELECT count(*) AS messages
  FROM ai_proactive_messages
 WHERE sent_at IS NULL AND dead_at IS NULL AND cancelled_at IS NULL AND expired_at IS NULL

-- name: silence
-- Minutes since either job last did what it is for, and whether a person stopped all sending. A long delivery run lives as
-- long as it delivers, and after a stop the time counts from its end. Where there never was a success it counts from the
-- first batch or from when `ige migrate` first saw this database: a daemon that was never started is dead, too.
SELECT COALESCE((stop.value ->> 'on')::boolean, false) AS stopped,
       success.at IS NULL AS never_delivered,
       batch.closed_at IS NULL AS never_scheduled,
       CASE WHEN COALESCE(success.at, batch.opened_at, home.changed_at) IS NOT NULL
            THEN EXTRACT(EPOCH FROM now() - GREATEST(COALESCE(success.at, LEAST(batch.opened_at, home.changed_at)),
                                                     delivered.at, stop.changed_at)) / 60
       END AS delivery_minutes,
       EXTRACT(EPOCH FROM now() - COALESCE(batch.closed_at, LEAST(batch.opened_at, home.changed_at))) / 60
       AS scheduling_minutes
  FROM (SELECT 1) AS one
  LEFT JOIN ige_last_success success ON success.job = 'delivery'
  LEFT JOIN ige_switches stop ON stop.name = 'stop'
  LEFT JOIN ige_switches home ON home.name = 'home'
  LEFT JOIN LATERAL (SELECT max(a.ended_at) AS at
                       FROM ige_delivery_attempts a
                      WHERE a.ended_at > now() - interval '1 hour'
                        AND a.outcome = 'Delivered') delivered ON true
  LEFT JOIN LATERAL (SELECT max(b.closed_at) AS closed_at, min(b.opened_at) AS opened_at
                       FROM ige_batches b
                      WHERE NOT b.dry_run
                        AND NOT b.triggers <@ %(promised)s::text[]) batch ON true
