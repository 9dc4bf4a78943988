"""Remember who logged out of the console.

A session is a signed cookie that says until when it holds: a copy of it outlived the logout by up to twelve hours.
"""

from ige_pipeline.postgres.schema_change import create_table

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_table("ige_console_logouts", {"mark": "text PRIMARY KEY", "until": "timestamptz NOT NULL"})
