-- Counters of each database; '' is what all databases share. Columns of later versions come through
-- to_jsonb. Least privilege: none.
SELECT
    COALESCE(d.datname::text, '') AS name, pg_catalog.clock_timestamp() AS at,
    d.xact_commit AS commits, d.xact_rollback AS rollbacks,
    d.blks_hit AS blocks_hit, d.blks_read AS blocks_read, d.conflicts,
    d.temp_files, d.temp_bytes, d.deadlocks, d.stats_reset,
    pg_catalog.to_jsonb(d) AS more
FROM pg_catalog.pg_stat_database d
ORDER BY 1
