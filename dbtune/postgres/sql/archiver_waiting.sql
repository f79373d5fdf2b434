-- Segments that wait for the archiver. Least privilege: pg_monitor.
SELECT count(*)::int AS waiting
FROM pg_catalog.pg_ls_archive_statusdir() f
WHERE f.name LIKE '%.ready'
