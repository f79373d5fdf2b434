-- Work done by all databases since their statistics were reset. Least privilege: none.
-- transactions: ended, of all kinds. held_ms: time that sessions ran a statement or sat in an open
-- transaction; reported when a transaction ends, at most once a second.
SELECT pg_catalog.clock_timestamp() AS at,
       pg_catalog.sum(d.xact_commit + d.xact_rollback)::bigint AS transactions,
       pg_catalog.sum(d.active_time + d.idle_in_transaction_time) AS held_ms,
       pg_catalog.max(d.stats_reset) AS stats_reset
FROM pg_catalog.pg_stat_database d
WHERE d.datname IS NOT NULL
