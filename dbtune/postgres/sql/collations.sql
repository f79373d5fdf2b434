-- Collations whose library's version is not what was recorded when they were made or last
-- refreshed, and how many indexes use each. Least privilege: none.
SELECT n.nspname::text AS schema, n.nspname || '.' || c.collname AS name, c.collversion AS recorded,
       pg_catalog.pg_collation_actual_version(c.oid) AS actual,
       (SELECT count(*)::int FROM pg_catalog.pg_index i
        WHERE c.oid = ANY (i.indcollation::oid[])) AS indexes,
       ARRAY(SELECT pg_catalog.quote_ident(xn.nspname) || '.' || pg_catalog.quote_ident(x.relname)
             FROM pg_catalog.pg_index i
             JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
             JOIN pg_catalog.pg_namespace xn ON xn.oid = x.relnamespace
             WHERE c.oid = ANY (i.indcollation::oid[])
             ORDER BY 1 LIMIT 50) AS index_names
FROM pg_catalog.pg_collation c
JOIN pg_catalog.pg_namespace n ON n.oid = c.collnamespace
WHERE c.collversion IS NOT NULL
  AND c.collencoding IN (-1, (SELECT d.encoding FROM pg_catalog.pg_database d
                              WHERE d.datname = pg_catalog.current_database()))
  AND c.collversion IS DISTINCT FROM pg_catalog.pg_collation_actual_version(c.oid)
ORDER BY 5 DESC, 2
LIMIT 200
