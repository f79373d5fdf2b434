-- Tables and views by name, as the role's search_path finds them. Parameter: names (as SQL: quoted
-- where needed). Least privilege: none.
SELECT
    c.relname::text AS name,
    n.nspname::text AS schema,
    (SELECT array_agg(a.attname::text) FROM pg_catalog.pg_attribute a
     WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns
FROM pg_catalog.unnest(%(names)s::text[]) AS w(name)
JOIN pg_catalog.pg_class c ON c.oid = pg_catalog.to_regclass(w.name)
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
