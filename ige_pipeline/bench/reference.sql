-- name: naive
-- The three goal triggers and the safeguards as one would first write them for everybody at once. What a message was
-- about is read from context_data, where every message has it.
WITH spoken AS (
    SELECT m.context_data ->> 'goal_id' AS goal_id, bool_or(m.sent_at IS NULL) AS live, max(m.sent_at) AS sent_at
      FROM ai_proactive_messages m
     WHERE m.dead_at IS NULL AND m.cancelled_at IS NULL AND m.expired_at IS NULL
     GROUP BY 1
), candidate AS (
    SELECT 'high_priority_goal' AS trigger_name, 70 AS priority, g.priority_score::float8 AS urgency,
           g.contractor_id, g.id AS subject_id
      FROM ai_concierge_goals g
      LEFT JOIN spoken s ON s.goal_id = g.id::text
     WHERE g.status = 'active'
       AND g.priority_score >= %(high_priority_min_score)s
       AND g.created_at <= %(as_of)s
       AND EXISTS (SELECT 1
                     FROM ai_concierge_checklist_items i
                    WHERE i.goal_id = g.id AND i.status = 'pending' AND i.created_at <= %(as_of)s)
       AND (s.goal_id IS NULL
            OR (NOT s.live
                AND s.sent_at <= %(as_of)s::timestamptz - make_interval(secs => %(high_priority_repeat_days)s * 86400)))
    UNION ALL
    SELECT 'stalled_goal', 50, EXTRACT(EPOCH FROM %(as_of)s::timestamptz - g.updated_at) / 86400,
           g.contractor_id, g.id
      FROM ai_concierge_goals g
      LEFT JOIN spoken s ON s.goal_id = g.id::text
     WHERE g.status = 'active'
       AND g.priority_score >= %(stalled_min_score)s
       AND g.updated_at <= %(as_of)s::timestamptz - make_interval(secs => %(stalled_after_days)s * 86400)
       AND (s.goal_id IS NULL
            OR (NOT s.live
                AND s.sent_at <= %(as_of)s::timestamptz - make_interval(secs => %(stalled_repeat_days)s * 86400)))
    UNION ALL
    SELECT 'milestone_achieved', 80, EXTRACT(EPOCH FROM i.completed_at), i.contractor_id, i.id
      FROM ai_concierge_checklist_items i
     WHERE i.status = 'completed'
       AND i.completed_at <= %(as_of)s
       AND i.completed_at > %(as_of)s::timestamptz - make_interval(secs => %(celebrate_within_days)s * 86400)
       AND NOT EXISTS (SELECT 1
                         FROM ai_proactive_messages m
                        WHERE m.context_data ->> 'item_id' = i.id::text
                          AND m.dead_at IS NULL AND m.cancelled_at IS NULL AND m.expired_at IS NULL)
), sent AS (
    SELECT m.contractor_id, m.sent_at, m.contractor_response IS NULL AND m.response_received_at IS NULL AS unanswered,
           row_number() OVER (PARTITION BY m.contractor_id ORDER BY m.sent_at DESC) AS place
      FROM ai_proactive_messages m
     WHERE m.sent_at IS NOT NULL
), contact AS (
    SELECT contractor_id, max(sent_at) AS last_sent_at,
           count(*) FILTER (WHERE unanswered AND place <= %(ignored_in_a_row)s) AS unanswered
      FROM sent
     GROUP BY contractor_id
), trust AS (
    SELECT t.contractor_id, t.cumulative_trust_score AS score,
           row_number() OVER (PARTITION BY t.contractor_id ORDER BY t.recorded_at DESC, t.id DESC) AS place
      FROM ai_trust_indicators t
     WHERE t.cumulative_trust_score IS NOT NULL
), free AS (
    SELECT candidate.*,
           row_number() OVER (PARTITION BY candidate.contractor_id
                                  ORDER BY candidate.priority DESC, candidate.urgency DESC, candidate.subject_id)
               AS place
      FROM candidate
      JOIN contractors c ON c.id = candidate.contractor_id
      LEFT JOIN contact ON contact.contractor_id = c.id
      LEFT JOIN trust ON trust.contractor_id = c.id AND trust.place = 1
     WHERE c.phone IS NOT NULL
       AND NOT (c.ai_proactive_paused AND COALESCE(c.ai_pause_until > NOW(), true))
       AND NOT EXISTS (SELECT 1
                         FROM ai_proactive_messages m
                        WHERE m.contractor_id = c.id
                          AND m.sent_at IS NULL
                          AND m.dead_at IS NULL AND m.cancelled_at IS NULL AND m.expired_at IS NULL)
       AND COALESCE(contact.last_sent_at <= NOW() - make_interval(secs => %(min_gap_hours)s * 3600), true)
       AND NOT COALESCE(contact.unanswered >= %(ignored_in_a_row)s
                        AND contact.last_sent_at > NOW() - make_interval(secs => %(ignored_pause_days)s * 86400), false)
       AND COALESCE(trust.score, %(trust_without_record)s) >= %(min_trust_score)s
)
SELECT contractor_id, trigger_name, subject_id
  FROM free
 WHERE place = 1

-- name: scan
-- The floor: every table that matters read once.
SELECT (SELECT count(*) FROM contractors WHERE phone <> ''),
       (SELECT count(*) FROM ai_concierge_goals WHERE goal_description <> ''),
       (SELECT count(*) FROM ai_concierge_checklist_items WHERE checklist_item <> ''),
       (SELECT count(*) FROM ai_trust_indicators WHERE indicator_description <> ''),
       (SELECT count(*) FROM ai_proactive_messages WHERE message_content <> '')

-- name: one_contractor
-- The old system asked this and the following for one contractor after the other.
SELECT c.phone IS NOT NULL
       AND NOT (c.ai_proactive_paused AND COALESCE(c.ai_pause_until > NOW(), true)) AS contactable
  FROM contractors c
 WHERE c.id = %(contractor_id)s

-- name: one_high_priority
SELECT g.id
  FROM ai_concierge_goals g
 WHERE g.contractor_id = %(contractor_id)s
   AND g.status = 'active'
   AND g.priority_score >= %(high_priority_min_score)s
   AND g.created_at <= %(as_of)s
   AND EXISTS (SELECT 1
                 FROM ai_concierge_checklist_items i
                WHERE i.goal_id = g.id AND i.status = 'pending' AND i.created_at <= %(as_of)s)
 ORDER BY g.priority_score DESC, g.id

-- name: one_stalled
SELECT g.id
  FROM ai_concierge_goals g
 WHERE g.contractor_id = %(contractor_id)s
   AND g.status = 'active'
   AND g.priority_score >= %(stalled_min_score)s
   AND g.updated_at <= %(as_of)s::timestamptz - make_interval(secs => %(stalled_after_days)s * 86400)
 ORDER BY g.updated_at, g.id

-- name: one_achieved
SELECT i.id
  FROM ai_concierge_checklist_items i
 WHERE i.contractor_id = %(contractor_id)s
   AND i.status = 'completed'
   AND i.completed_at <= %(as_of)s
   AND i.completed_at > %(as_of)s::timestamptz - make_interval(secs => %(celebrate_within_days)s * 86400)
 ORDER BY i.completed_at DESC, i.id

-- name: last_about_goal
SELECT COALESCE(bool_or(m.sent_at IS NULL)
                OR max(m.sent_at) > %(as_of)s::timestamptz - make_interval(secs => %(repeat_days)s * 86400),
                false) AS silent
  FROM ai_proactive_messages m
 WHERE m.context_data ->> 'goal_id' = %(subject_id)s::text
   AND m.dead_at IS NULL AND m.cancelled_at IS NULL AND m.expired_at IS NULL

-- name: last_about_item
SELECT true AS silent
  FROM ai_proactive_messages m
 WHERE m.context_data ->> 'item_id' = %(subject_id)s::text
   AND m.dead_at IS NULL AND m.cancelled_at IS NULL AND m.expired_at IS NULL
 LIMIT 1

-- name: one_contact
SELECT count(*) FILTER (WHERE m.sent_at IS NULL) = 0
       AND COALESCE(max(m.sent_at) <= NOW() - make_interval(secs => %(min_gap_hours)s * 3600), true) AS rested
  FROM ai_proactive_messages m
 WHERE m.contractor_id = %(contractor_id)s
   AND m.dead_at IS NULL AND m.cancelled_at IS NULL AND m.expired_at IS NULL

-- name: one_ignored
SELECT COALESCE(count(*) FILTER (WHERE newest.contractor_response IS NULL AND newest.response_received_at IS NULL)
                >= %(ignored_in_a_row)s
                AND max(newest.sent_at) > NOW() - make_interval(secs => %(ignored_pause_days)s * 86400),
                false) AS ignored
  FROM (SELECT m.sent_at, m.contractor_response, m.response_received_at
          FROM ai_proactive_messages m
         WHERE m.contractor_id = %(contractor_id)s
           AND m.sent_at IS NOT NULL
         ORDER BY m.sent_at DESC
         LIMIT %(ignored_in_a_row)s) newest

-- name: one_trust
SELECT t.cumulative_trust_score AS score
  FROM ai_trust_indicators t
 WHERE t.contractor_id = %(contractor_id)s
   AND t.cumulative_trust_score IS NOT NULL
 ORDER BY t.recorded_at DESC, t.id DESC
 LIMIT 1
