"""See who else sends whatever their clock says, count deaths apart from tries, and find what others put in.

Another program's `sent_at` has no zone: written in one that is not ours it lies hours ahead or behind, and told nothing
of when it was written. A trigger notes the moment by the server's clock when a row becomes sent without us; it looks at
nothing else, and changes no column that is not ours.

A message that kills its runs was told by its tries, of which an endpoint that fails spends some, too. The index of the
worn is empty but for those, and is what lets one of them go now and then however much else is due.

What others put in a day ago is asked each minute by the checks, and by every run: without an index that reads the whole
history. It holds only rows of others, of which a table of ten million of them has 200 MB; ours are not in it.
"""

from ige_pipeline.postgres.schema_change import add_columns, create_index, execute

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

MESSAGES = "ai_proactive_messages"
NOTE = """
CREATE OR REPLACE FUNCTION ige_note_other_sender() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.sent_by_others_at = now();
    RETURN NEW;
END $$"""
# CREATE OR REPLACE TRIGGER came with Postgres 14.
ON_SENDING = f"""
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_trigger
                    WHERE tgname = 'ige_note_other_sender' AND tgrelid = '{MESSAGES}'::regclass) THEN
        CREATE TRIGGER ige_note_other_sender BEFORE UPDATE OF sent_at ON {MESSAGES} FOR EACH ROW
          WHEN (OLD.sent_at IS NULL AND NEW.sent_at IS NOT NULL AND NOT COALESCE(NEW.sent_by_us, false))
       EXECUTE FUNCTION ige_note_other_sender();
    END IF;
END $$"""


def upgrade() -> None:
    add_columns(MESSAGES, {"sent_by_others_at": "timestamptz", "deaths": "smallint DEFAULT 0"})
    create_index("ige_noticed_others", f"{MESSAGES} (sent_by_others_at) WHERE sent_by_others_at IS NOT NULL")
    execute(NOTE)
    execute(ON_SENDING)
    create_index(
        "ige_worn",
        f"{MESSAGES} (id) WHERE deaths > 1 AND sent_at IS NULL AND dead_at IS NULL AND cancelled_at IS NULL "
        "AND expired_at IS NULL",
    )
    create_index("ige_put_in_by_others", f"{MESSAGES} (created_at) WHERE trigger_name IS NULL")
