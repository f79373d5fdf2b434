-- How pg_stat_statements is installed and set. Least privilege: none; shared_preload_libraries is
-- shown to pg_read_all_settings (part of pg_monitor) only.
SELECT
    (SELECT n.nspname
     FROM pg_catalog.pg_extension e
     JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
     WHERE e.extname = 'pg_stat_statements') AS schema,
    (SELECT array_agg(a.attname::text ORDER BY a.attnum)
     FROM pg_catalog.pg_extension e
     JOIN pg_catalog.pg_class c ON c.relnamespace = e.extnamespace
                               AND c.relname = 'pg_stat_statements' AND c.relkind = 'v'
     JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
     WHERE e.extname = 'pg_stat_statements') AS columns,
    (SELECT s.setting FROM pg_catalog.pg_settings s
     WHERE s.name = 'shared_preload_libraries') AS preload_libraries,
    (SELECT jsonb_object_agg(s.name, s.setting) FROM pg_catalog.pg_settings s
     WHERE s.name LIKE 'pg\_stat\_statements.%'
        OR s.name IN ('track_io_timing', 'compute_query_id', 'block_size', 'work_mem',
                      'track_activity_query_size', 'jit', 'jit_above_cost', 'wal_compression',
                      'max_wal_size', 'checkpoint_timeout', 'shared_buffers')) AS settings
