-- What each role may do, and nothing beside it. Run by the owner of the tables after every `ige migrate`:
--   psql --set=ON_ERROR_STOP=1 --dbname=app --file=deploy/roles.sql
-- The roles exist already (deploy/postgres/init.sh, or CREATE ROLE ige_app LOGIN, CREATE ROLE ige_viewer LOGIN).
--   the owner    migrates; the application's own role, where the tables are the application's
--   ige_app      runs both jobs and every command of `ige` but `ige migrate`
--   ige_viewer   reads what explains messages, without numbers, names and texts
-- May be run again at any time. Nothing is taken from roles that are not named here.
BEGIN;

-- Whatever was granted before, and what a table that is gone had.
DO $$
DECLARE
    part record;
BEGIN
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO ige_app, ige_viewer', current_schema());
    EXECUTE format('REVOKE CREATE ON SCHEMA %I FROM ige_app, ige_viewer', current_schema());
    FOR part IN
        SELECT c.oid::regclass AS name, c.relname, c.relkind
          FROM pg_class c
         WHERE c.relnamespace = current_schema()::regnamespace
           AND c.relkind IN ('r', 'p', 'v', 'm')
           AND pg_has_role(c.relowner, 'MEMBER')
    LOOP
        EXECUTE format('REVOKE ALL ON %s FROM ige_app, ige_viewer', part.name);
        -- Our own tables, the partitions of each day among them, through which nobody goes by name.
        IF part.relname LIKE 'ige\_%' AND part.relname NOT LIKE 'ige\_decisions\_%' THEN
            EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO ige_app', part.name);
        END IF;
    END LOOP;
    FOR part IN
        SELECT c.oid::regclass AS name FROM pg_class c
         WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'S' AND c.relname LIKE 'ige\_%'
           AND pg_has_role(c.relowner, 'MEMBER')
    LOOP
        EXECUTE format('GRANT USAGE, SELECT ON SEQUENCE %s TO ige_app', part.name);
    END LOOP;
END $$;

-- What was done by hand stays written down; which schema this is only a migration says.
REVOKE UPDATE, DELETE ON ige_audit FROM ige_app;
REVOKE INSERT, UPDATE, DELETE ON ige_alembic_version FROM ige_app;
-- A consent is evidence: it is revoked, not removed. An opt-out is lifted, with who did it.
REVOKE UPDATE, DELETE ON ige_consents FROM ige_app;
GRANT UPDATE (revoked_at) ON ige_consents TO ige_app;
REVOKE DELETE ON ige_suppressions FROM ige_app;

-- The outbox: rows are added and settled. `ige retire` moves them away, which is why they can be deleted.
GRANT SELECT, INSERT, UPDATE, DELETE ON ai_proactive_messages TO ige_app;
-- The application's tables are read; what is written there are the columns that the old system wrote, too.
GRANT SELECT ON contractors, ai_concierge_goals, ai_concierge_checklist_items, ai_trust_indicators,
                contractor_action_items, contractor_followup_schedules, events, event_messages TO ige_app;
GRANT UPDATE (status, sent_at, sent_by, next_occurrence_id, response_received_at, response_text, updated_at)
   ON contractor_followup_schedules TO ige_app;
GRANT INSERT ON contractor_followup_schedules TO ige_app;
GRANT UPDATE (status, error_message, actual_send_time, response_received, response_time, updated_at)
   ON event_messages TO ige_app;
-- How replies, and what followed a message, move trust.
GRANT INSERT ON ai_trust_indicators TO ige_app;
GRANT UPDATE (ai_proactive_paused, ai_pause_reason, ai_pause_until, updated_at) ON contractors TO ige_app;

-- Sequences of tables that rows are added to.
DO $$
DECLARE
    needed record;
BEGIN
    FOR needed IN
        SELECT pg_get_serial_sequence(name, 'id') AS sequence
          FROM unnest(ARRAY['ai_proactive_messages', 'ai_trust_indicators', 'contractor_followup_schedules']) AS name
    LOOP
        IF needed.sequence IS NOT NULL THEN
            EXECUTE format('GRANT USAGE, SELECT ON SEQUENCE %s TO ige_app', needed.sequence);
        END IF;
    END LOOP;
END $$;

-- These two act with the owner's rights. A temporary table of the caller must not come before the real one.
DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION ige_prepare_decisions(date) SET search_path = %I, pg_temp', current_schema());
    EXECUTE format('ALTER FUNCTION ige_retire_decisions(date) SET search_path = %I, pg_temp', current_schema());
END $$;
REVOKE ALL ON FUNCTION ige_prepare_decisions(date), ige_retire_decisions(date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ige_prepare_decisions(date), ige_retire_decisions(date) TO ige_app;

-- Whoever looks: what happened, when and why. No number, no name, no text of a message.
GRANT SELECT ON ige_batches, ige_switches, ige_circuits, ige_endpoint_calls,
                ige_alerts, ige_model_spend, ige_alembic_version TO ige_viewer;
-- What was done by hand, and by whom. Details may hold words of people.
GRANT SELECT (id, at, who, action) ON ige_audit TO ige_viewer;
GRANT SELECT (id, message_id, run_id, attempt, claimed_at, posted_at, ended_at, duration_ms, outcome, reasons,
              status_code, error_class, next_attempt_at, repeats) ON ige_delivery_attempts TO ige_viewer;
GRANT SELECT (id, decided_on, batch_id, contractor_id, trigger_name, message_type, source_message_type, promised,
              priority, urgency, subject_table, subject_id, occurrence, dedupe_key, changed_since, due_at, screened_at,
              reviewed_at, not_before, expires_at, retry_at, draft_source, fallback_reason, verdict, message_id, dry_run,
              created_at, decided_at) ON ige_decisions TO ige_viewer;
GRANT SELECT (id, contractor_id, message_type, sent_at, response_received_at, created_at, updated_at, trigger_name,
              subject_table, subject_id, occurrence, source_message_type, decision_id, priority, not_before, expires_at,
              attempts, next_attempt_at, last_error, dead_at, dead_reason, cancelled_at, cancel_reason, expired_at)
   ON ai_proactive_messages TO ige_viewer;

COMMIT;
