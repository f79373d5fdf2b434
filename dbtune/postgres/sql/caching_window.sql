-- For how long the database's counters have been counting; null if they were never reset.
-- Least privilege: none.
SELECT pg_catalog.date_part('epoch', pg_catalog.now() - stats_reset)::float8 AS seconds
FROM pg_catalog.pg_stat_database
WHERE datname = pg_catalog.current_database()
