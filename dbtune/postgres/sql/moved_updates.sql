-- Updates that had to put the new version of a row on another page, by table; PostgreSQL 16 and
-- later. At most 5,000 tables, the largest first. Least privilege: none.
SELECT c.oid::bigint AS oid, pg_catalog.pg_stat_get_tuples_newpage_updated(c.oid) AS updates
FROM pg_catalog.pg_class c
WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't'
  AND pg_catalog.pg_stat_get_tuples_newpage_updated(c.oid) > 0
ORDER BY c.relpages DESC, c.oid
LIMIT 5000
