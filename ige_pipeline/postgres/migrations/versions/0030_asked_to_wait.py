"""Remember how often in a row an endpoint asked us to wait.

A 429 held back the one message that met it, and the next ones went on at full pace against an endpoint that had asked
for fewer. Now it holds the endpoint, as its circuit does; where no time is said, each wait in a row is twice the last.
"""

from ige_pipeline.postgres.schema_change import add_columns

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    add_columns("ige_circuits", {"waits": "smallint NOT NULL DEFAULT 0"})
