"""Say in one place what an open question of a goal is, for the trigger that asks it and for the look before it is sent.

The rule is one function, which Postgres writes out where it is used. A rule that changes is a new function.
"""

from ige_pipeline.postgres.schema_change import execute

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

# A no to an answer's being there may be written in many ways; the answer itself may be no, or none at all (0).
OPEN_QUESTION = r"""
CREATE OR REPLACE FUNCTION ige_open_question(gap jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN jsonb_typeof(gap) = 'string' THEN NULLIF(btrim(gap #>> '{}', E' \t\n\r\f\x0B'), '')
        WHEN jsonb_typeof(gap) = 'object'
         AND COALESCE(NULLIF(lower(btrim(gap ->> 'status', E' \t\n\r\f\x0B')), ''), 'open')
             IN ('open', 'pending', 'new', 'unanswered', 'unresolved', 'missing')
         AND lower(btrim(COALESCE(gap ->> 'resolved', ''), E' \t\n\r\f\x0B')) IN ('', 'false', 'no', '0', '[]', '{}')
         AND lower(btrim(COALESCE(gap ->> 'answered', ''), E' \t\n\r\f\x0B')) IN ('', 'false', 'no', '0', '[]', '{}')
         AND lower(btrim(COALESCE(gap ->> 'resolved_at', ''), E' \t\n\r\f\x0B')) IN ('', 'false', 'no', '0', '[]', '{}')
         AND lower(btrim(COALESCE(gap ->> 'answered_at', ''), E' \t\n\r\f\x0B')) IN ('', 'false', 'no', '0', '[]', '{}')
         AND btrim(COALESCE(gap ->> 'answer', ''), E' \t\n\r\f\x0B') IN ('', '[]', '{}')
        THEN COALESCE(
            CASE jsonb_typeof(gap -> 'question')
                WHEN 'string' THEN NULLIF(btrim(gap ->> 'question', E' \t\n\r\f\x0B'), '') END,
            CASE jsonb_typeof(gap -> 'description')
                WHEN 'string' THEN NULLIF(btrim(gap ->> 'description', E' \t\n\r\f\x0B'), '') END,
            CASE jsonb_typeof(gap -> 'field')
                WHEN 'string' THEN NULLIF(btrim(gap ->> 'field', E' \t\n\r\f\x0B'), '') END)
    END
$$"""


def upgrade() -> None:
    execute(OPEN_QUESTION)
