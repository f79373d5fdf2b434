-- How many tables this role may not read, so that it sees no statistics of their columns and can plan
-- no statement on them. Least privilege: none.
SELECT count(*) AS tables
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'm')
  AND n.nspname NOT IN ('pg_catalog', 'information_schema')
  AND n.nspname !~ '^pg_(toast|temp)'
  AND NOT pg_catalog.has_table_privilege(c.oid, 'SELECT')
