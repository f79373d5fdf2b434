-- Who makes a backend wait. Parameter: pid of the waiting backend. Least privilege: none; of other
-- roles' sessions pg_read_all_stats sees more than the number.
SELECT
    a.pid,
    a.usename::text AS username,
    a.application_name AS application,
    a.state,
    extract(epoch FROM pg_catalog.clock_timestamp() - a.xact_start)::float8 AS transaction_seconds
FROM unnest(pg_catalog.pg_blocking_pids(%(pid)s)) AS b(pid)
JOIN pg_catalog.pg_stat_activity a ON a.pid = b.pid
ORDER BY a.xact_start NULLS LAST
LIMIT 5
