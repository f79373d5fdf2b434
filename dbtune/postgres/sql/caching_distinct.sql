-- How many different values a column has, as ANALYZE learned it. Parameters: schema, table, column.
-- Least privilege: SELECT on the column; it is left out otherwise.
SELECT s.n_distinct::float8 AS n_distinct
FROM pg_catalog.pg_stats s
WHERE s.schemaname = %(schema)s::name AND s.tablename = %(table)s::name
  AND s.attname = %(column)s::name
ORDER BY s.inherited DESC
