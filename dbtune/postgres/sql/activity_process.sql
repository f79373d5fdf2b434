-- One process, as far as this role may see it. Parameter: pid. Least privilege: none; other roles'
-- sessions need pg_read_all_stats.
SELECT
    a.pid, COALESCE(a.backend_type, '') AS kind, a.pid = pg_catalog.pg_backend_pid() AS own,
    COALESCE(a.usename::text, '') AS "user", COALESCE(a.datname::text, '') AS database,
    COALESCE(a.application_name, '') AS application,
    COALESCE(pg_catalog.host(a.client_addr), '') AS client, COALESCE(a.state, '') AS state,
    a.backend_start, a.query_start,
    EXTRACT(epoch FROM pg_catalog.clock_timestamp() - a.xact_start)::float8 AS transaction_seconds,
    EXTRACT(epoch FROM pg_catalog.clock_timestamp() - a.state_change)::float8 AS seconds,
    COALESCE(pg_catalog."left"(a.query, 2000), '') AS statement
FROM pg_catalog.pg_stat_activity a
WHERE a.pid = %(pid)s
