-- name: shape
-- How many rows each catalog has and the sum of the transactions that wrote them: whatever creates, changes or drops an
-- object, a right or a setting moves one of the two, and VACUUM and ANALYZE neither.
SELECT array_agg(ARRAY[rows, written] ORDER BY catalog)
  FROM (SELECT 'class' AS catalog, count(*) AS rows, sum(xmin::text::bigint) AS written FROM pg_class
        UNION ALL SELECT 'attribute', count(*), sum(xmin::text::bigint) FROM pg_attribute
        UNION ALL SELECT 'default', count(*), sum(xmin::text::bigint) FROM pg_attrdef
        UNION ALL SELECT 'index', count(*), sum(xmin::text::bigint) FROM pg_index
        UNION ALL SELECT 'constraint', count(*), sum(xmin::text::bigint) FROM pg_constraint
        UNION ALL SELECT 'inherits', count(*), sum(xmin::text::bigint) FROM pg_inherits
        UNION ALL SELECT 'sequence', count(*), sum(xmin::text::bigint) FROM pg_sequence
        UNION ALL SELECT 'trigger', count(*), sum(xmin::text::bigint) FROM pg_trigger
        UNION ALL SELECT 'event trigger', count(*), sum(xmin::text::bigint) FROM pg_event_trigger
        UNION ALL SELECT 'function', count(*), sum(xmin::text::bigint) FROM pg_proc
        UNION ALL SELECT 'rule', count(*), sum(xmin::text::bigint) FROM pg_rewrite
        UNION ALL SELECT 'policy', count(*), sum(xmin::text::bigint) FROM pg_policy
        UNION ALL SELECT 'type', count(*), sum(xmin::text::bigint) FROM pg_type
        UNION ALL SELECT 'schema', count(*), sum(xmin::text::bigint) FROM pg_namespace
                   WHERE nspname !~ '^pg_(toast_)?temp_'
        UNION ALL SELECT 'right', count(*), sum(xmin::text::bigint) FROM pg_default_acl
        UNION ALL SELECT 'extension', count(*), sum(xmin::text::bigint) FROM pg_extension
        UNION ALL SELECT 'publication', count(*), sum(xmin::text::bigint) FROM pg_publication
        UNION ALL SELECT 'statistics', count(*), sum(xmin::text::bigint) FROM pg_statistic_ext
        UNION ALL SELECT 'analyzed', count(*), sum(xmin::text::bigint) FROM pg_statistic
        UNION ALL SELECT 'database', count(*), sum(xmin::text::bigint) FROM pg_database
                   WHERE datname = current_database()
        UNION ALL SELECT 'setting', count(*), sum(xmin::text::bigint) FROM pg_db_role_setting
                   WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())) AS catalogs;

-- name: days
-- Each batch makes the partition of its day.
SELECT inhrelid::regclass::text
  FROM pg_inherits
 WHERE inhparent = 'ige_decisions'::regclass AND inhrelid::regclass::text ~ '^ige_decisions_[0-9]{8}$';

-- name: tables
-- Every table that holds rows or has held them since it was last truncated.
SELECT relname AS name
  FROM pg_class
 WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND pg_relation_size(oid) > 0
 ORDER BY name;

-- name: rewind_sequences
-- A test finds every sequence at its start.
SELECT setval(seqrelid, seqstart, false) FROM pg_sequence WHERE pg_sequence_last_value(seqrelid) IS NOT NULL;

-- name: end_sessions
-- What a test left connected would go on writing into the next one's database. Nobody waits until they are gone, which
-- Postgres looks at ten times a second: TRUNCATE waits for whoever still holds a lock.
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %(name)s;
