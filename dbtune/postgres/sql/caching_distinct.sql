-- How many different values columns have, as ANALYZE learned it. Parameters: schemas, tables,
-- columns (of equal length). Least privilege: SELECT on the columns; others are left out.
SELECT s.schemaname::text AS schema, s.tablename::text AS "table", s.attname::text AS "column",
       s.n_distinct::float8 AS n_distinct
FROM pg_catalog.pg_stats s
WHERE (s.schemaname, s.tablename, s.attname) IN (
    SELECT * FROM ROWS FROM (
        pg_catalog.unnest(%(schemas)s::text[]),
        pg_catalog.unnest(%(tables)s::text[]),
        pg_catalog.unnest(%(columns)s::text[])) AS w)
