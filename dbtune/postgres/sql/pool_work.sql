-- Work done by all databases since their statistics were reset. Least privilege: none.
-- transactions: ended, of all kinds. Session times are counted since PostgreSQL 14.
SELECT pg_catalog.clock_timestamp() AS at,
       pg_catalog.sum(d.xact_commit + d.xact_rollback)::bigint AS transactions,
       NULL::double precision AS held_ms,
       pg_catalog.max(d.stats_reset) AS stats_reset
FROM pg_catalog.pg_stat_database d
WHERE d.datname IS NOT NULL
