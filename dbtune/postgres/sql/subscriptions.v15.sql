-- Subscriptions of this database, PostgreSQL 15 and later. Least privilege: none.
SELECT s.subname::text AS name, s.subenabled AS enabled,
       EXISTS (SELECT FROM pg_catalog.pg_stat_subscription w
               WHERE w.subid = s.oid AND w.relid IS NULL AND w.pid IS NOT NULL) AS running,
       (SELECT (e.apply_error_count + e.sync_error_count)::int
        FROM pg_catalog.pg_stat_subscription_stats e WHERE e.subid = s.oid) AS errors
FROM pg_catalog.pg_subscription s
JOIN pg_catalog.pg_database d ON d.oid = s.subdbid
WHERE d.datname = pg_catalog.current_database()
ORDER BY 1
