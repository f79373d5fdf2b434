-- WAL archiving, one row. Least privilege: none.
SELECT
    pg_catalog.current_setting('archive_mode') AS mode,
    pg_catalog.current_setting('archive_command') NOT IN ('', '(disabled)')
        OR COALESCE(pg_catalog.current_setting('archive_library', true), '') <> '' AS configured,
    a.failed_count AS failed,
    EXTRACT(epoch FROM pg_catalog.now() - a.last_archived_time)::float8 AS last_archived_seconds,
    EXTRACT(epoch FROM pg_catalog.now() - a.last_failed_time)::float8 AS last_failed_seconds,
    COALESCE(a.last_failed_wal, '') AS last_failed
FROM pg_catalog.pg_stat_archiver a
