-- Extended statistics of combinations of columns. Parameters: schemas and names of tables, in pairs. Least
-- privilege: SELECT on the table.
SELECT
    s.schemaname::text AS schema,
    s.tablename::text AS name,
    s.n_distinct::text AS n_distinct
FROM pg_catalog.pg_stats_ext s
WHERE s.n_distinct IS NOT NULL
  AND s.schemaname = ANY (%(schemas)s::name[])
  AND s.tablename = ANY (%(names)s::name[])
  AND (s.schemaname, s.tablename) IN (
      SELECT w.schema, w.name FROM unnest(%(schemas)s::name[], %(names)s::name[]) AS w(schema, name))
