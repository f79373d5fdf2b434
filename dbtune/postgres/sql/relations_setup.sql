-- The database that relations are read of, and since when its statistics count. Least privilege:
-- none; index builds of other roles are seen by pg_read_all_stats.
-- Resets of shared counters tell when all statistics were lost by a crash; a manual reset of one
-- kind of them only makes that one later, so the earliest is right.
SELECT
    pg_catalog.now() AS now,
    pg_catalog.current_database()::text AS database,
    pg_catalog.pg_is_in_recovery() AS is_standby,
    pg_catalog.pg_postmaster_start_time() AS started_at,
    (SELECT d.stats_reset FROM pg_catalog.pg_stat_database d
     WHERE d.datname = pg_catalog.current_database()) AS stats_reset,
    (SELECT min(r.at) FROM (
        SELECT b.stats_reset FROM pg_catalog.pg_stat_bgwriter b
        UNION ALL SELECT a.stats_reset FROM pg_catalog.pg_stat_archiver a) AS r(at)) AS shared_reset,
    pg_catalog.pg_has_role('pg_read_server_files', 'USAGE')
        AND pg_catalog.has_function_privilege('pg_catalog.pg_stat_file(text)', 'EXECUTE')
        AS may_see_files,
    (SELECT count(*) FROM pg_catalog.pg_stat_replication r
     WHERE r.application_name IS DISTINCT FROM 'pg_basebackup'
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_replication_slots s
                       WHERE s.active_pid = r.pid AND s.slot_type = 'logical')) AS standbys,
    ARRAY(SELECT p.index_relid::oid FROM pg_catalog.pg_stat_progress_create_index p
          WHERE p.datname = pg_catalog.current_database() AND p.index_relid <> 0) AS building,
    CASE WHEN NOT pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE') THEN ARRAY(
        SELECT l.relation FROM pg_catalog.pg_locks l
        WHERE l.locktype = 'relation' AND l.granted AND l.mode = 'ShareUpdateExclusiveLock'
          AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d
                            WHERE d.datname = pg_catalog.current_database())) END AS busy,
    (SELECT pg_catalog.jsonb_object_agg(s.name, s.setting) FROM pg_catalog.pg_settings s
     WHERE s.name IN ('block_size', 'default_statistics_target', 'track_counts',
                      'track_commit_timestamp', 'effective_cache_size', 'seq_page_cost',
                      'random_page_cost', 'cpu_index_tuple_cost', 'cpu_operator_cost')) AS settings,
    (SELECT pg_catalog.jsonb_object_agg(e.extname, n.nspname) FROM pg_catalog.pg_extension e
     JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace) AS extensions
