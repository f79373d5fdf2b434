-- What others do on the server just now, in one row. Least privilege: pg_read_all_stats (part of
-- pg_monitor); without it the state of other roles' sessions is NULL, and all of them count.
-- A transaction that has been idle for a while is a console that was left open: it loads nothing.
-- transactions: ended in all databases since their statistics were reset, this session's as well.
SELECT pg_catalog.clock_timestamp() AS at,
       (SELECT pg_catalog.count(*)::int
        FROM pg_catalog.pg_stat_activity a
        WHERE a.datid IS NOT NULL
          AND a.usesysid IS NOT NULL
          AND a.pid <> pg_catalog.pg_backend_pid()
          AND a.application_name IS DISTINCT FROM 'dbtune'
          AND (a.backend_type IS NULL
               OR a.backend_type = 'client backend'
                  AND (a.state = 'active'
                       OR a.state LIKE 'idle in transaction%%'
                          AND a.state_change > pg_catalog.clock_timestamp()
                                               - INTERVAL '10 seconds'))) AS busy,
       (SELECT pg_catalog.sum(d.xact_commit + d.xact_rollback)::bigint
        FROM pg_catalog.pg_stat_database d WHERE d.datname IS NOT NULL) AS transactions
