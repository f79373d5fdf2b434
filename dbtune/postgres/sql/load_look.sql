-- One look at how connections are used: a row of all, then one for each database, role and
-- application. Parameters: since, and limit for the rows. Least privilege: pg_read_all_stats (part
-- of pg_monitor); without it state and type of other roles' sessions are NULL, and they are hidden.
-- whole: the row of all. took_seconds: what the look took so far. held: with a running statement or
-- an open transaction, at one of cpu, io, lock, latch, client, other. on_cpu: processes that run or
-- want to run. unused, stuck: idle, outside or inside a transaction, since before the time given.
-- left_open: of the held ones, those whose transaction has been idle for a minute or more.
WITH look AS (
    SELECT a.datname::text AS database, a.usename::text AS "user", a.application_name AS application,
           a.backend_type, a.state, a.state_change,
           CASE WHEN a.backend_type IS NULL AND a.state IS NULL THEN 'hidden'
                WHEN a.backend_type <> 'client backend' THEN 'worker'
                WHEN a.state = 'disabled' THEN 'untracked'
                WHEN a.state LIKE 'idle in transaction%%' THEN 'client'
                WHEN a.state NOT IN ('active', 'fastpath function call') THEN 'idle'
                WHEN a.wait_event IS NULL THEN 'cpu'
                WHEN a.wait_event_type = 'IO' THEN 'io'
                -- For the WAL that another writes: one that commits alone waits for the disk itself.
                WHEN a.wait_event_type = 'LWLock' AND a.wait_event = 'WALWrite' THEN 'io'
                WHEN a.wait_event_type = 'Lock' THEN 'lock'
                WHEN a.wait_event_type IN ('LWLock', 'BufferPin', 'Buffer') THEN 'latch'
                WHEN a.wait_event_type = 'Client' THEN 'client'
                ELSE 'other' END AS kind,
           a.state = 'active' AND a.wait_event IS NULL AS runs
    FROM pg_catalog.pg_stat_activity a
    WHERE a.datid IS NOT NULL
      AND a.usesysid IS NOT NULL
      AND a.pid <> pg_catalog.pg_backend_pid()
      AND a.application_name IS DISTINCT FROM 'dbtune'
      AND (a.backend_type IS NULL OR a.backend_type IN ('client backend', 'parallel worker'))
)
SELECT GROUPING(l.database) = 1 AS whole,
       pg_catalog.clock_timestamp() AS at,
       EXTRACT(epoch FROM pg_catalog.clock_timestamp() - pg_catalog.statement_timestamp()
       )::double precision AS took_seconds,
       COALESCE(l.database, '') AS database,
       COALESCE(l."user", '') AS "user",
       COALESCE(l.application, '') AS application,
       pg_catalog.count(*) FILTER (WHERE l.kind <> 'worker') AS connections,
       pg_catalog.count(*) FILTER (
           WHERE l.kind IN ('cpu', 'io', 'lock', 'latch', 'client', 'other')) AS held,
       pg_catalog.count(*) FILTER (WHERE l.kind = 'cpu') AS cpu,
       pg_catalog.count(*) FILTER (WHERE l.kind = 'io') AS io,
       pg_catalog.count(*) FILTER (WHERE l.kind = 'lock') AS lock,
       pg_catalog.count(*) FILTER (WHERE l.kind = 'latch') AS latch,
       pg_catalog.count(*) FILTER (WHERE l.kind = 'client') AS client,
       pg_catalog.count(*) FILTER (WHERE l.kind = 'other') AS other,
       pg_catalog.count(*) FILTER (WHERE l.runs) AS on_cpu,
       pg_catalog.count(*) FILTER (WHERE l.kind = 'hidden') AS hidden,
       pg_catalog.count(*) FILTER (WHERE l.kind = 'untracked') AS untracked,
       pg_catalog.count(*) FILTER (
           WHERE l.kind = 'idle' AND l.state_change < %(since)s) AS unused,
       pg_catalog.count(*) FILTER (
           WHERE l.state LIKE 'idle in transaction%%' AND l.state_change < %(since)s) AS stuck,
       pg_catalog.count(*) FILTER (
           WHERE l.state LIKE 'idle in transaction%%'
             AND l.state_change <= pg_catalog.clock_timestamp() - interval '1 minute') AS left_open,
       COALESCE(EXTRACT(epoch FROM pg_catalog.max(
           pg_catalog.clock_timestamp() - l.state_change)
           FILTER (WHERE l.state LIKE 'idle in transaction%%')) * 1000, 0
       )::double precision AS idle_in_transaction_ms
FROM look l
GROUP BY GROUPING SETS ((), (l.database, l."user", l.application))
ORDER BY 1 DESC, held DESC, connections DESC
LIMIT %(limit)s
