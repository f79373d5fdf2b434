-- Definitions of views of these names, in whatever schema. Parameters: names, count.
-- Least privilege: none.
SELECT
    n.nspname::text AS schema,
    c.relname::text AS name,
    pg_catalog.pg_get_viewdef(c.oid) AS definition
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'v'
  AND n.nspname NOT LIKE 'pg\_%%'
  AND n.nspname <> 'information_schema'
  AND c.relname = ANY (%(names)s::text[])
ORDER BY 1, 2
LIMIT %(count)s
