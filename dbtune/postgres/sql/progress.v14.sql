-- Commands that tell how far they are: a row of each view as JSON, because columns differ by
-- version. Least privilege: none; other roles' details need pg_read_all_stats.
SELECT x.command, x.row, COALESCE(CASE WHEN x.row ->> 'datname' = pg_catalog.current_database()
       THEN (x.row ->> 'relid')::oid::regclass::text END, '') AS object
FROM (
    SELECT 'VACUUM' AS command, pg_catalog.to_jsonb(v) AS row FROM pg_catalog.pg_stat_progress_vacuum v
    UNION ALL
    SELECT 'ANALYZE', pg_catalog.to_jsonb(v) FROM pg_catalog.pg_stat_progress_analyze v
    UNION ALL
    SELECT v.command, pg_catalog.to_jsonb(v) FROM pg_catalog.pg_stat_progress_create_index v
    UNION ALL
    SELECT v.command, pg_catalog.to_jsonb(v) FROM pg_catalog.pg_stat_progress_cluster v
    UNION ALL
    SELECT 'BASE BACKUP', pg_catalog.to_jsonb(v) FROM pg_catalog.pg_stat_progress_basebackup v
    UNION ALL
    SELECT v.command, pg_catalog.to_jsonb(v) FROM pg_catalog.pg_stat_progress_copy v
) x
ORDER BY (x.row ->> 'pid')::int
LIMIT 200
