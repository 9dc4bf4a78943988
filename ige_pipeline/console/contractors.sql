-- name: contractor
-- Who they are; their number only for those who may see it.
SELECT c.id, NULLIF(concat_ws(' ', c.first_name, c.last_name), '') AS name, c.company_name, c.phone, c.timezone,
       COALESCE(c.ai_proactive_paused, false) AS paused, c.ai_pause_reason AS pause_reason,
       CASE WHEN isfinite(c.ai_pause_until) THEN c.ai_pause_until::timestamptz END AS pause_until
  FROM contractors c
 WHERE c.id = %(id)s

-- name: goals
-- Active ones first, then the newest.
SELECT g.id, g.goal_description, g.goal_type, g.priority_score, g.current_progress, g.next_milestone, g.status,
       g.updated_at::timestamptz AS updated_at
  FROM ai_concierge_goals g
 WHERE g.contractor_id = %(id)s
 ORDER BY (g.status = 'active') DESC NULLS LAST, g.priority_score DESC NULLS LAST, g.id DESC
 LIMIT 30

-- name: trust
-- The last scores with their causes, the newest first.
SELECT t.recorded_at::timestamptz AS at, t.cumulative_trust_score AS score, t.indicator_type, t.confidence_impact AS impact,
       t.indicator_description AS cause
  FROM ai_trust_indicators t
 WHERE t.contractor_id = %(id)s
   AND t.cumulative_trust_score IS NOT NULL
   AND isfinite(t.recorded_at)
 ORDER BY t.recorded_at DESC, t.id DESC
 LIMIT 120

-- name: by_hand
-- What people did for them or to them.
SELECT a.at, a.who, a.action, a.detail ->> 'reason' AS reason
  FROM ige_audit a
 WHERE a.detail ? 'contractor_id'
   AND a.detail ->> 'contractor_id' = %(id)s::bigint::text
 ORDER BY a.id DESC
 LIMIT 10

-- name: came
-- What they wrote to us last.
SELECT i.received_at, i.body, i.meaning, i.indicator, i.message_id
  FROM ige_inbound_messages i
 WHERE i.contractor_id = %(id)s
 ORDER BY i.id DESC
 LIMIT 10
