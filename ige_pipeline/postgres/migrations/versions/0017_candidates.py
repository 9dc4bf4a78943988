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


def upgrade() -> None:
    execute(CANDIDATES)
    execute(BY_BATCH)
