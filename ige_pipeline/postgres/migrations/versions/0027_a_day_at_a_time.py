"""Let one old day of the ledger go at a time, so that nobody waits for more than that day.

All overdue days, what they led to, and the search for messages that are gone shared one transaction, which kept every
reader out. What led to a message can be copied only once its day is taken off the ledger: no row of that day would fit
into the default partition before. The search takes no lock and is a statement of its own now (batch.sql).
"""

from ige_pipeline.postgres.schema_change import execute

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

# Code from before this calls it once a night and lets one day go.
RETENTION = """
CREATE OR REPLACE FUNCTION ige_retire_decisions(before date) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    part regclass;
BEGIN
    SELECT c.oid INTO part
      FROM pg_inherits i
      JOIN pg_class c ON c.oid = i.inhrelid
     WHERE i.inhparent = 'ige_decisions'::regclass
       AND c.relname ~ '^ige_decisions_[0-9]{8}$'
       AND to_date(right(c.relname, 8), 'YYYYMMDD') < before
     ORDER BY c.relname
     LIMIT 1;
    IF part IS NULL THEN
        RETURN 0;
    END IF;
    EXECUTE format('ALTER TABLE ige_decisions DETACH PARTITION %s', part);
    EXECUTE format('INSERT INTO ige_decisions SELECT * FROM %s WHERE message_id IS NOT NULL', part);
    EXECUTE format('DROP TABLE %s', part);
    RETURN 1;
END $$"""

# As deploy/roles.sql has it: a temporary table of the caller must not come before the real one.
PATH = """
DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION ige_retire_decisions(date) SET search_path = %I, pg_temp', current_schema());
END $$"""


def upgrade() -> None:
    execute(RETENTION)
    execute(PATH)
