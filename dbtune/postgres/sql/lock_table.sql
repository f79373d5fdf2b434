-- How full the lock table is. Least privilege: none.
SELECT
    (SELECT count(*)::int FROM pg_catalog.pg_locks l WHERE NOT l.fastpath) AS taken,
    pg_catalog.current_setting('max_locks_per_transaction')::int
        * (pg_catalog.current_setting('max_connections')::int
           + pg_catalog.current_setting('max_prepared_transactions')::int) AS room,
    m.pid AS most_pid, COALESCE(m.locks, 0) AS most
FROM (VALUES (1)) AS one
LEFT JOIN (
    SELECT l.pid, count(*)::int AS locks FROM pg_catalog.pg_locks l
    WHERE NOT l.fastpath GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 1
) AS m ON true
