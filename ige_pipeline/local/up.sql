-- name: held_until_adopted
-- What an earlier system left unsent; nothing of it is touched until a person has looked at it.
SELECT (value ->> 'unsent')::bigint + (value ->> 'follow_ups')::bigint + (value ->> 'event_messages')::bigint AS held
  FROM ige_switches
 WHERE name = 'adoption'
   AND value ->> 'state' = 'pending';
