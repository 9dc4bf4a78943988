"""Share what is known of an endpoint between all runs: its circuit, its calls of the last minutes, and open alerts.

The outbox gets an index in the order in which it is emptied: priority plus one point for each hour of waiting. As time
passes all rows gain alike, so that the order of two rows never changes and can be kept.
"""

from ige_pipeline.postgres.schema_change import create_index, execute

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

LIVE = "sent_at IS NULL AND dead_at IS NULL AND cancelled_at IS NULL AND expired_at IS NULL"

# The second column lets the index alone pass over what waits for its time.
TURNS = (
    "ai_proactive_messages ((priority - date_part('epoch', COALESCE(created_at, updated_at)) / 3600) DESC NULLS LAST,"
    f" (COALESCE(GREATEST(not_before, next_attempt_at), '-infinity')), id) WHERE {LIVE}"
)

CIRCUITS = """
CREATE TABLE IF NOT EXISTS ige_circuits (
    endpoint    text PRIMARY KEY,
    state       text NOT NULL DEFAULT 'closed',
    reason      text,
    opened_at   timestamptz,
    probe_at    timestamptz,
    alerted     smallint NOT NULL DEFAULT 0,
    accepted_at timestamptz,
    version     bigint NOT NULL DEFAULT 0,
    CONSTRAINT state_is_known CHECK (state IN ('closed', 'open', 'half_open')),
    CONSTRAINT open_says_why_and_since_when CHECK (state = 'closed' OR num_nulls(reason, opened_at, probe_at) = 0)
)"""

# One row for each ten seconds in which something was posted.
CALLS = """
CREATE TABLE IF NOT EXISTS ige_endpoint_calls (
    endpoint text NOT NULL,
    since    timestamptz NOT NULL,
    calls    integer NOT NULL,
    failures integer NOT NULL,
    PRIMARY KEY (endpoint, since),
    CONSTRAINT failures_are_calls CHECK (failures BETWEEN 0 AND calls)
)"""

ALERTS = """
CREATE TABLE IF NOT EXISTS ige_alerts (
    id       bigserial PRIMARY KEY,
    at       timestamptz NOT NULL DEFAULT now(),
    kind     text NOT NULL,
    about    text NOT NULL,
    sentence text NOT NULL,
    ended_at timestamptz
)"""


def upgrade() -> None:
    create_index("ige_outbox_turns", TURNS)
    execute("DROP INDEX CONCURRENTLY IF EXISTS ige_outbox")
    execute(CIRCUITS)
    execute(CALLS)
    execute(ALERTS)
    execute("CREATE INDEX IF NOT EXISTS ige_alerts_open ON ige_alerts (about) WHERE ended_at IS NULL")
