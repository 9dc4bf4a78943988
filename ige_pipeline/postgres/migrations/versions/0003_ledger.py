"""Create our own tables: batches, the ledger of decisions, delivery attempts, switches and the audit trail.

The ledger is partitioned by day, so that old decisions can be dropped and not deleted. Rows that led to a message are
moved to the default partition before their day goes.
"""

from ige_pipeline.postgres.schema_change import execute

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

BATCHES = """
CREATE TABLE IF NOT EXISTS ige_batches (
    id            bigserial PRIMARY KEY,
    root_run_id   text NOT NULL UNIQUE,
    partition_key text,
    batch_hour    timestamptz NOT NULL,
    as_of         timestamptz NOT NULL,
    triggers      text[] NOT NULL,
    dry_run       boolean NOT NULL DEFAULT false,
    settings      jsonb NOT NULL DEFAULT '{}',
    opened_at     timestamptz NOT NULL DEFAULT now(),
    closed_at     timestamptz,
    counts        jsonb NOT NULL DEFAULT '{}',
    tokens_in     bigint NOT NULL DEFAULT 0,
    tokens_out    bigint NOT NULL DEFAULT 0,
    cost_usd      numeric(12, 6) NOT NULL DEFAULT 0,
    approved_at   timestamptz,
    approved_by   text,
    CONSTRAINT approval_is_signed CHECK ((approved_at IS NULL) = (approved_by IS NULL)),
    CONSTRAINT batch_hour_is_an_hour CHECK (date_trunc('hour', batch_hour, 'UTC') = batch_hour)
)"""

DECISIONS = """
CREATE TABLE IF NOT EXISTS ige_decisions (
    id                  bigint NOT NULL DEFAULT nextval('ige_decision_id'),
    decided_on          date NOT NULL,
    batch_id            bigint,
    contractor_id       bigint NOT NULL,
    trigger_name        text NOT NULL,
    message_type        text NOT NULL,
    source_message_type text,
    promised            boolean NOT NULL DEFAULT false,
    priority            smallint NOT NULL,
    urgency             double precision NOT NULL DEFAULT 0,
    subject_table       text,
    subject_id          bigint,
    occurrence          text,
    dedupe_key          text NOT NULL,
    reason              text NOT NULL,
    facts               jsonb NOT NULL DEFAULT '{}',
    changed_since       boolean NOT NULL DEFAULT false,
    due_at              timestamptz,
    screened_at         timestamptz,
    reviewed_at         timestamptz,
    recipient_facts     jsonb,
    reasons             jsonb NOT NULL DEFAULT '[]',
    not_before          timestamptz,
    expires_at          timestamptz,
    retry_at            timestamptz,
    draft               text,
    draft_source        text,
    ai_reasoning        text,
    fallback_reason     text,
    generation          jsonb,
    verdict             text,
    message_id          bigint,
    dry_run             boolean NOT NULL DEFAULT false,
    created_at          timestamptz NOT NULL DEFAULT now(),
    decided_at          timestamptz,
    PRIMARY KEY (id, decided_on),
    CONSTRAINT one_decision_for_each_candidate UNIQUE (batch_id, dedupe_key, decided_on),
    CONSTRAINT verdict_is_known CHECK (verdict IN
        ('scheduled', 'blocked', 'outranked', 'postponed', 'held', 'rejected', 'expired', 'failed')),
    CONSTRAINT verdict_says_when CHECK ((verdict IS NULL) = (decided_at IS NULL)),
    CONSTRAINT silence_is_explained CHECK
        (verdict IS NULL OR verdict = 'scheduled' OR reasons <> '[]'),
    CONSTRAINT dry_run_schedules_nothing CHECK (NOT (dry_run AND message_id IS NOT NULL)),
    CONSTRAINT scheduled_names_its_message CHECK
        (verdict IS DISTINCT FROM 'scheduled' OR dry_run OR message_id IS NOT NULL)
) PARTITION BY RANGE (decided_on)"""

BY_MESSAGE = """
CREATE INDEX IF NOT EXISTS ige_decisions_by_message ON ige_decisions (message_id) WHERE message_id IS NOT NULL"""

# The sensor asks every half minute whether a promise was looked at already.
PROMISED = """
CREATE INDEX IF NOT EXISTS ige_decisions_promised ON ige_decisions (dedupe_key) WHERE promised"""

# The batch calls this, so the role that runs batches needs no right to create tables: the owner's are used.
PARTITIONS = """
CREATE OR REPLACE FUNCTION ige_prepare_decisions(day date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    part text := format('ige_decisions_%s', to_char(day, 'YYYYMMDD'));
BEGIN
    IF to_regclass(part) IS NULL THEN
        PERFORM pg_advisory_xact_lock(hashtext('ige_prepare_decisions'));
        EXECUTE format('CREATE TABLE IF NOT EXISTS %I PARTITION OF ige_decisions FOR VALUES FROM (%L) TO (%L)',
                       part, day, day + 1);
    END IF;
END $$"""

# Days are dropped and not deleted. What led to a message moves to the default partition first and lives as long as it.
RETENTION = """
CREATE OR REPLACE FUNCTION ige_retire_decisions(before date) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    part   record;
    retired integer := 0;
BEGIN
    FOR part IN
        SELECT c.oid::regclass AS name
          FROM pg_inherits i
          JOIN pg_class c ON c.oid = i.inhrelid
         WHERE i.inhparent = 'ige_decisions'::regclass
           AND c.relname ~ '^ige_decisions_[0-9]{8}$'
           AND to_date(right(c.relname, 8), 'YYYYMMDD') < before
         ORDER BY c.relname
    LOOP
        EXECUTE format('ALTER TABLE ige_decisions DETACH PARTITION %s', part.name);
        EXECUTE format('INSERT INTO ige_decisions SELECT * FROM %s WHERE message_id IS NOT NULL', part.name);
        EXECUTE format('DROP TABLE %s', part.name);
        retired := retired + 1;
    END LOOP;
    IF retired > 0 THEN
        DELETE FROM ige_decisions_kept k
         WHERE NOT EXISTS (SELECT 1 FROM ai_proactive_messages m WHERE m.id = k.message_id);
    END IF;
    RETURN retired;
END $$"""

ATTEMPTS = """
CREATE TABLE IF NOT EXISTS ige_delivery_attempts (
    id              bigserial PRIMARY KEY,
    message_id      bigint NOT NULL,
    run_id          text NOT NULL,
    attempt         smallint NOT NULL,
    lease_token     uuid NOT NULL,
    claimed_at      timestamptz NOT NULL,
    posted_at       timestamptz,
    ended_at        timestamptz NOT NULL DEFAULT now(),
    duration_ms     integer,
    outcome         text NOT NULL,
    reasons         jsonb NOT NULL DEFAULT '[]',
    status_code     smallint,
    error_class     text,
    response        text,
    next_attempt_at timestamptz,
    repeats         integer NOT NULL DEFAULT 1,
    CONSTRAINT outcome_is_known CHECK (outcome IN
        ('Delivered', 'Retry', 'Dead', 'Ambiguous', 'Postponed', 'Cancelled', 'Expired', 'EndpointFault')),
    CONSTRAINT delivered_was_posted CHECK (outcome <> 'Delivered' OR posted_at IS NOT NULL)
)"""

SWITCHES = """
CREATE TABLE IF NOT EXISTS ige_switches (
    name       text PRIMARY KEY,
    value      jsonb NOT NULL,
    reason     text,
    changed_by text NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now()
)"""

# The next free moment of each endpoint: the pace is shared by all runs.
PACE = """
CREATE TABLE IF NOT EXISTS ige_pace (
    endpoint text PRIMARY KEY,
    next_at  timestamptz NOT NULL
)"""

AUDIT = """
CREATE TABLE IF NOT EXISTS ige_audit (
    id     bigserial PRIMARY KEY,
    at     timestamptz NOT NULL DEFAULT now(),
    who    text NOT NULL,
    action text NOT NULL,
    detail jsonb NOT NULL DEFAULT '{}'
)"""

# A database that already holds work of the old system must be adopted by a person before we touch that work: the first
# start must never text a historic backlog.
ADOPTION = """
INSERT INTO ige_switches (name, value, reason, changed_by)
SELECT 'adoption',
       jsonb_build_object('state', CASE WHEN unsent + follow_ups + event_messages > 0 THEN 'pending' ELSE 'done' END,
                          'unsent', unsent, 'follow_ups', follow_ups, 'event_messages', event_messages),
       CASE WHEN unsent + follow_ups + event_messages > 0
            THEN 'work from before us was found' ELSE 'nothing to adopt' END,
       'ige migrate'
  FROM (SELECT (SELECT count(*) FROM ai_proactive_messages WHERE sent_at IS NULL) AS unsent,
               (SELECT count(*) FROM contractor_followup_schedules
                 WHERE status = 'scheduled' AND scheduled_time <= now()) AS follow_ups,
               (SELECT count(*) FROM event_messages
                 WHERE status = 'scheduled' AND scheduled_time <= now()
                   AND channel = 'sms' AND COALESCE(direction, 'outbound') = 'outbound') AS event_messages) AS found
ON CONFLICT (name) DO NOTHING"""


def upgrade() -> None:
    execute(BATCHES)
    execute("CREATE SEQUENCE IF NOT EXISTS ige_decision_id")
    execute(DECISIONS)
    execute("CREATE TABLE IF NOT EXISTS ige_decisions_kept PARTITION OF ige_decisions DEFAULT")
    execute("CREATE INDEX IF NOT EXISTS ige_decisions_by_contractor ON ige_decisions (contractor_id, created_at DESC)")
    execute(BY_MESSAGE)
    execute(PROMISED)
    execute(PARTITIONS)
    execute(RETENTION)
    execute(ATTEMPTS)
    execute(SWITCHES)
    execute(PACE)
    execute(AUDIT)
    execute(ADOPTION)
