"""Write a batch's candidates and what was known of each person for less.

What was known of a person was JSON of 25 keys: 10 µs and 600 bytes a row, half of what a decision weighed. As a value
of a type of its own it is a tenth of both. JSON that older code wrote, and still writes beside us, is read as before.

A candidate's table had a unique index on a text, only to notice that a trigger found one occurrence twice; that cost as
much as writing the row. Candidates get a table without it, and doubles are looked for once. Older code keeps its own
table beside us, and what it left there is taken over.
"""

from ige_pipeline.postgres.schema_change import add_columns, execute

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

KNOWN = """
DO $$
BEGIN
    IF to_regtype('ige_known_of_recipient') IS NULL THEN
        CREATE TYPE ige_known_of_recipient AS (
            known               boolean,
            phone_verdict       text,
            has_phone           boolean,
            timezone            text,
            phone_zones         text,
            phone_state         text,
            suppressed          boolean,
            consent             text,
            paused              boolean,
            paused_until        timestamptz,
            waiting_message_id  bigint,
            last_message_id     bigint,
            last_sent_at        timestamptz,
            sent_day            bigint,
            sent_week           bigint,
            sent_30_days        bigint,
            recent_sent         bigint,
            recent_unanswered   bigint,
            recent_last_sent_at timestamptz,
            trust_score         integer,
            complaints          bigint,
            complained_at       timestamptz);
    END IF;
END $$"""

CANDIDATES = """
CREATE TABLE IF NOT EXISTS ige_batch_candidates (
    id            bigint NOT NULL DEFAULT nextval('ige_decision_id'),
    decided_on    date NOT NULL,
    batch_id      bigint NOT NULL,
    contractor_id bigint NOT NULL,
    trigger_name  text NOT NULL,
    message_type  text NOT NULL,
    priority      smallint NOT NULL,
    urgency       double precision NOT NULL,
    subject_table text NOT NULL,
    subject_id    bigint NOT NULL,
    occurrence    text NOT NULL,
    dedupe_key    text NOT NULL,
    reason        text NOT NULL,
    facts         jsonb NOT NULL,
    changed_since boolean NOT NULL,
    dry_run       boolean NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now()
)"""

# A batch takes its own, some ten thousand contractors at a time.
BY_BATCH = """
CREATE INDEX IF NOT EXISTS ige_batch_candidates_by_contractor ON ige_batch_candidates (batch_id, contractor_id)"""

# The view as it was, but for where it reads these two.
DECIDED = """
DO $$
DECLARE
    says text := pg_get_viewdef('ige_why_decided'::regclass);
BEGIN
    IF says NOT LIKE '%recipient_known%' THEN
        EXECUTE 'CREATE OR REPLACE VIEW ige_why_decided AS ' || replace(
            says, 'd.recipient_facts,', 'COALESCE(d.recipient_facts, to_jsonb(d.recipient_known)) AS recipient_facts,');
    END IF;
END $$"""

UNDECIDED = """
DO $$
DECLARE
    says text := pg_get_viewdef('ige_why_undecided'::regclass);
BEGIN
    IF says NOT LIKE '%ige_batch_candidates%' THEN
        EXECUTE 'CREATE OR REPLACE VIEW ige_why_undecided AS ' || rtrim(says, ';')
                || ' UNION ALL ' || replace(says, 'ige_candidates', 'ige_batch_candidates');
    END IF;
END $$"""

# Made of its parts: they had the same columns, written twice.
WHOLE = """
CREATE OR REPLACE VIEW ige_why AS
SELECT {columns} FROM ige_why_decided
UNION ALL
SELECT {columns} FROM ige_why_others
UNION ALL
SELECT {columns} FROM ige_why_undecided"""
COLUMNS = """
    contractor_id, decision_id, batch_id, as_of, batch_hour, evaluated_at, trigger_name, message_type, subject_table,
    subject_id, why_due, facts, recipient_facts, verdict, reasons, not_before, retry_at, draft, draft_source,
    fallback_reason, generation, dry_run, message_id, state, sent_at, state_reason, next_attempt_at,
    response_received_at, attempts, contractor_response, message_content, ai_reasoning, promised, source_message_type,
    occurrence, due_at, ended_at, expires_at, root_run_id, approved_by"""


def upgrade() -> None:
    execute(KNOWN)
    add_columns("ige_decisions", {"recipient_known": "ige_known_of_recipient"})
    execute(CANDIDATES)
    execute(BY_BATCH)
    execute(DECIDED)
    execute(UNDECIDED)
    execute(WHOLE.replace("{columns}", COLUMNS))
