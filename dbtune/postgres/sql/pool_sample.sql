-- One sample of how connections are used, in one row. Least privilege: pg_read_all_stats (part of
-- pg_monitor); without it state and type of other roles' sessions are NULL, and they are hidden.
-- held: connections that a transaction has. on_cpu: processes that run or want to run.
SELECT pg_catalog.count(*) FILTER (
           WHERE a.backend_type = 'client backend'
             AND (a.state = 'active' OR a.state LIKE 'idle in transaction%')) AS held,
       pg_catalog.count(*) FILTER (
           WHERE a.backend_type IN ('client backend', 'parallel worker')
             AND a.state = 'active' AND a.wait_event IS NULL) AS on_cpu,
       pg_catalog.count(*) FILTER (
           WHERE a.backend_type IS NULL AND a.state IS NULL) AS hidden
FROM pg_catalog.pg_stat_activity a
WHERE a.datid IS NOT NULL
  AND a.usesysid IS NOT NULL
  AND a.pid <> pg_catalog.pg_backend_pid()
  AND a.application_name IS DISTINCT FROM 'dbtune'
