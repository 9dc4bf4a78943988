"""Give a batch's candidates a place of their own until the safeguards have looked at them.

A candidate used to be a row of the ledger from the start, and the screening wrote that row anew: with all its indexes
that cost three times what the first writing did. Now a decision is written once, when it is known what was found. The
id of the decision is given here, so that one candidate can name another. Rows live for the length of a batch.
"""

from ige_pipeline.postgres.schema_change import execute

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

CANDIDATES = """
CREATE TABLE IF NOT EXISTS ige_candidates (
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
BY_BATCH = "CREATE INDEX IF NOT EXISTS ige_candidates_by_batch ON ige_candidates (batch_id, contractor_id)"

# A trigger may join, and so find one occurrence twice; nobody competes with themselves.
ONCE = "CREATE UNIQUE INDEX IF NOT EXISTS ige_candidates_once ON ige_candidates (batch_id, dedupe_key)"

# Until the safeguards have looked, and after a run that died before they did, a candidate is an undecided one. The view
# keeps what it had and takes these in at its end.
UNDECIDED = """
DO $$
BEGIN
    IF pg_get_viewdef('ige_why'::regclass) NOT LIKE '%ige_candidates%' THEN
        EXECUTE 'CREATE OR REPLACE VIEW ige_why AS ' || rtrim(pg_get_viewdef('ige_why'::regclass), ';') || '
UNION ALL
SELECT c.contractor_id,
       c.id,
       c.batch_id,
       b.as_of,
       COALESCE(b.batch_hour, date_trunc(''hour'', c.created_at, ''UTC'')),
       c.created_at,
       c.trigger_name,
       c.message_type,
       c.subject_table,
       c.subject_id,
       c.reason,
       c.facts,
       NULL,
       ''undecided'',
       ''[]'',
       NULL, NULL, NULL, NULL, NULL, NULL,
       c.dry_run,
       NULL, NULL, NULL, NULL, NULL, NULL,
       ''[]'',
       NULL, NULL, NULL,
       false,
       NULL,
       c.occurrence,
       NULL, NULL, NULL,
       b.root_run_id,
       b.approved_by
  FROM ige_candidates c
  LEFT JOIN ige_batches b ON b.id = c.batch_id
 WHERE NOT EXISTS (SELECT 1
                     FROM ige_decisions d
                    WHERE d.batch_id = c.batch_id
                      AND d.dedupe_key = c.dedupe_key
                      AND d.decided_on = c.decided_on)';
    END IF;
END $$"""


def upgrade() -> None:
    execute(CANDIDATES)
    execute(BY_BATCH)
    execute(ONCE)
    execute(UNDECIDED)
