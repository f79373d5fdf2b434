-- Every table, and how many rows were written to it. Least privilege: none.
SELECT
    n.nspname::text AS schema,
    c.relname::text AS name,
    c.relkind::text AS kind,
    c.relpersistence::text AS persistence,
    c.relrowsecurity AS row_security,
    GREATEST(c.reltuples, 0)::float8 AS rows,
    (pg_catalog.pg_stat_get_tuples_inserted(c.oid) + pg_catalog.pg_stat_get_tuples_updated(c.oid)
     + pg_catalog.pg_stat_get_tuples_deleted(c.oid))::float8 AS written
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'm', 'f')
  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
