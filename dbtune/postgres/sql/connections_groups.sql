-- Client connections by role and database. Least privilege: none; state is NULL for other roles'
-- sessions without pg_read_all_stats.
SELECT
    COALESCE(a.usename::text, '') AS "user",
    COALESCE(a.datname::text, '') AS database,
    count(*)::int AS total,
    count(*) FILTER (WHERE a.state = 'idle')::int AS idle,
    count(*) FILTER (WHERE a.state LIKE 'idle in transaction%')::int AS idle_in_transaction,
    count(*) FILTER (WHERE a.state IN ('active', 'fastpath function call'))::int AS active,
    count(*) FILTER (WHERE a.state IS NULL)::int AS hidden
FROM pg_catalog.pg_stat_activity a
WHERE COALESCE(a.backend_type, 'client backend') = 'client backend'
  AND (a.datid IS NOT NULL OR a.backend_type = 'client backend')
GROUP BY 1, 2
ORDER BY total DESC, 1, 2
