-- Sessions in a transaction, running, waiting, or blocking. Least privilege: none; other roles'
-- states and statements need pg_read_all_stats. pg_blocking_pids takes the lock manager's locks for
-- a moment: it is asked for sessions only that wait for a lock.
WITH waiting AS MATERIALIZED (
    SELECT a.pid, pg_catalog.pg_blocking_pids(a.pid) AS blocked_by
    FROM pg_catalog.pg_stat_activity a
    WHERE a.wait_event_type = 'Lock'
)
SELECT
    a.pid, COALESCE(a.backend_type, 'client backend') AS kind,
    COALESCE(a.usename::text, '') AS "user", COALESCE(a.datname::text, '') AS database,
    COALESCE(a.application_name, '') AS application, COALESCE(pg_catalog.host(a.client_addr), '') AS client,
    COALESCE(a.state, '') AS state,
    EXTRACT(epoch FROM pg_catalog.clock_timestamp() - a.xact_start)::float8 AS transaction_seconds,
    EXTRACT(epoch FROM pg_catalog.clock_timestamp() - a.query_start)::float8 AS statement_seconds,
    EXTRACT(epoch FROM pg_catalog.clock_timestamp() - a.state_change)::float8 AS state_seconds,
    COALESCE(a.wait_event_type || ':' || a.wait_event, '') AS wait,
    pg_catalog.age(a.backend_xmin)::int AS xmin_age,
    COALESCE(pg_catalog."left"(a.query, 2000), '') AS statement,
    w.blocked_by, a.backend_start AS began
FROM pg_catalog.pg_stat_activity a
LEFT JOIN waiting w ON w.pid = a.pid
WHERE a.pid <> pg_catalog.pg_backend_pid()
  AND (a.xact_start IS NOT NULL OR a.state NOT IN ('idle', 'disabled') OR w.pid IS NOT NULL
       OR a.pid IN (SELECT pg_catalog.unnest(v.blocked_by) FROM waiting v))
ORDER BY a.xact_start NULLS LAST, a.pid
LIMIT %(limit)s
