-- Blocks asked for and found in shared buffers, of the largest tables and indexes. Least privilege:
-- none. The functions behind pg_statio_all_tables: the view would join and group all tables.
SELECT c.oid::bigint AS relation, n.nspname::text AS schema, c.relname::text AS name,
       c.relkind = 'i' AS is_index, c.relpages::bigint AS pages,
       pg_catalog.clock_timestamp() AS at,
       pg_catalog.pg_stat_get_blocks_fetched(c.oid)::float8 AS fetched,
       pg_catalog.pg_stat_get_blocks_hit(c.oid)::float8 AS hit
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm', 'i') AND c.relpages >= 1024
ORDER BY c.relpages DESC, c.oid
LIMIT 2000
