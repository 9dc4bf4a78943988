-- name: alone
-- One counts at a time, whichever process it is.
SELECT pg_try_advisory_lock(hashtext('ige_figures')) AS alone

-- name: leave
SELECT pg_advisory_unlock(hashtext('ige_figures'))

-- name: counted
-- When today was last counted, and which day was the last that ever was.
SELECT (SELECT counted_at FROM ige_figures WHERE day = (now() AT TIME ZONE 'UTC')::date) AS today,
       (SELECT max(day) FROM ige_figures) AS last_day,
       (now() AT TIME ZONE 'UTC')::date AS day,
       now() AS now

-- name: count_messages
-- What was sent on each day, and what came of it since: answers come for days.
INSERT INTO ige_figures (day, sent, answered, acted)
SELECT days.day::date, COALESCE(found.sent, 0), COALESCE(found.answered, 0), COALESCE(found.acted, 0)
  FROM generate_series(%(since)s::date, (now() AT TIME ZONE 'UTC')::date, interval '1 day') AS days (day)
  LEFT JOIN (SELECT (m.sent_at::timestamptz AT TIME ZONE 'UTC')::date AS day,
                    count(*) AS sent,
                    count(*) FILTER (WHERE m.response_received_at IS NOT NULL OR m.contractor_response IS NOT NULL)
                        AS answered,
                    count(*) FILTER (WHERE m.led_to_action) AS acted
               FROM ai_proactive_messages m
              WHERE m.sent_at >= (%(since)s::date::timestamp AT TIME ZONE 'UTC')::timestamp
              GROUP BY 1) found ON found.day = days.day::date
ON CONFLICT (day) DO UPDATE
   SET sent = EXCLUDED.sent, answered = EXCLUDED.answered, acted = EXCLUDED.acted, counted_at = now()

-- name: count_people
-- How things stand today: the mean of everybody's latest trust score, and the goals that are active.
UPDATE ige_figures
   SET trust = (SELECT avg(latest.score)
                  FROM (SELECT DISTINCT ON (t.contractor_id) t.cumulative_trust_score AS score
                          FROM ai_trust_indicators t
                         WHERE t.cumulative_trust_score IS NOT NULL
                         ORDER BY t.contractor_id, t.recorded_at DESC, t.id DESC) latest),
       active_goals = (SELECT count(*) FROM ai_concierge_goals g WHERE g.status = 'active')
 WHERE day = (now() AT TIME ZONE 'UTC')::date

-- name: count_past_trust
-- Days that nobody counted: each score counts from its day to that of the contractor's next one.
WITH scores AS (
    SELECT (t.recorded_at::timestamptz AT TIME ZONE 'UTC')::date AS day, t.cumulative_trust_score AS score,
           lag(t.cumulative_trust_score) OVER (PARTITION BY t.contractor_id ORDER BY t.recorded_at, t.id) AS before
      FROM ai_trust_indicators t
     WHERE t.cumulative_trust_score IS NOT NULL
       AND isfinite(t.recorded_at)
), changes AS (
    SELECT day, sum(score - COALESCE(before, 0)) AS more, count(*) FILTER (WHERE before IS NULL) AS people
      FROM scores
     GROUP BY day
), stood AS (
    SELECT f.day,
           (SELECT sum(c.more) / NULLIF(sum(c.people), 0) FROM changes c WHERE c.day <= f.day) AS trust
      FROM ige_figures f
     WHERE f.trust IS NULL
)
UPDATE ige_figures f
   SET trust = stood.trust
  FROM stood
 WHERE f.day = stood.day
   AND f.day < (now() AT TIME ZONE 'UTC')::date

-- name: count_past_goals
-- As far as rows tell it now: a goal that is not active any more was until it was completed, or last touched.
UPDATE ige_figures f
   SET active_goals = (SELECT count(*)
                         FROM ai_concierge_goals g
                        WHERE g.created_at < (f.day + 1)::timestamp
                          AND (g.status = 'active' OR COALESCE(g.completed_at, g.updated_at) >= (f.day + 1)::timestamp))
 WHERE f.active_goals IS NULL
   AND f.day < (now() AT TIME ZONE 'UTC')::date

-- name: count_triggers
-- Whom each trigger selected on a day, whom of them a message was scheduled for, and what came of those messages.
INSERT INTO ige_trigger_figures (day, trigger_name, selected, scheduled, sent, answered, acted)
SELECT d.decided_on, d.trigger_name, count(*),
       count(*) FILTER (WHERE d.verdict = 'scheduled'),
       count(m.sent_at),
       count(*) FILTER (WHERE m.response_received_at IS NOT NULL OR m.contractor_response IS NOT NULL),
       count(*) FILTER (WHERE m.led_to_action)
  FROM ige_decisions d
  LEFT JOIN ai_proactive_messages m ON m.id = d.message_id
 WHERE d.decided_on >= %(since)s::date
   AND NOT d.dry_run
 GROUP BY d.decided_on, d.trigger_name
ON CONFLICT (day, trigger_name) DO UPDATE
   SET selected = EXCLUDED.selected, scheduled = EXCLUDED.scheduled, sent = EXCLUDED.sent,
       answered = EXCLUDED.answered, acted = EXCLUDED.acted

-- name: days
-- The last days up to that which was counted last, oldest first, each of them whether it was counted or not; none where
-- nobody has counted since yesterday.
SELECT days.day::date AS day, f.trust, f.active_goals, f.sent, f.answered, f.acted
  FROM (SELECT max(day) AS day FROM ige_figures) last
 CROSS JOIN generate_series(last.day - (%(days)s::integer - 1), last.day, interval '1 day') AS days (day)
  LEFT JOIN ige_figures f ON f.day = days.day::date
 WHERE last.day >= (now() AT TIME ZONE 'UTC')::date - 1
 ORDER BY days.day

-- name: trigger_days
-- The last days of each trigger that selected anybody in them, oldest first; on a day without a row it selected nobody.
SELECT days.day::date AS day, named.trigger_name, COALESCE(f.selected, 0) AS selected,
       COALESCE(f.scheduled, 0) AS scheduled, COALESCE(f.sent, 0) AS sent, COALESCE(f.answered, 0) AS answered,
       COALESCE(f.acted, 0) AS acted
  FROM (SELECT DISTINCT trigger_name
          FROM ige_trigger_figures
         WHERE day > (now() AT TIME ZONE 'UTC')::date - %(days)s::integer) named
 CROSS JOIN generate_series((now() AT TIME ZONE 'UTC')::date - (%(days)s::integer - 1), (now() AT TIME ZONE 'UTC')::date,
                            interval '1 day') AS days (day)
  LEFT JOIN ige_trigger_figures f ON f.day = days.day::date AND f.trigger_name = named.trigger_name
 ORDER BY named.trigger_name, days.day
