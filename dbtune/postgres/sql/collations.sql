-- Collations whose library's version is not what was recorded when they were made or last
-- refreshed, and how many indexes use each. Least privilege: none.
SELECT n.nspname || '.' || c.collname AS name, c.collversion AS recorded,
       pg_catalog.pg_collation_actual_version(c.oid) AS actual,
       (SELECT count(*)::int FROM pg_catalog.pg_index i
        WHERE c.oid = ANY (i.indcollation::oid[])) AS indexes
FROM pg_catalog.pg_collation c
JOIN pg_catalog.pg_namespace n ON n.oid = c.collnamespace
WHERE c.collversion IS NOT NULL
  AND c.collencoding IN (-1, (SELECT d.encoding FROM pg_catalog.pg_database d
                              WHERE d.datname = pg_catalog.current_database()))
  AND c.collversion IS DISTINCT FROM pg_catalog.pg_collation_actual_version(c.oid)
ORDER BY 4 DESC, 1
LIMIT 200
