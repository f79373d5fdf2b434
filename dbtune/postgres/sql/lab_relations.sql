-- Tables, views and their like of this database, without those of extensions and of other
-- sessions. One row each. Least privilege: none.
SELECT
    c.oid::bigint AS oid,
    n.nspname::text AS schema,
    c.relname::text AS name,
    c.relkind::text AS kind,
    c.relpages::bigint AS pages,
    c.reltuples::float8 AS rows,
    c.relallvisible::bigint AS all_visible,
    c.relispartition AS is_partition,
    c.relrowsecurity AS row_security,
    '' AS partition_key,
    '' AS partition_bound,
    COALESCE(i.parents, '{}') AS parents
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN (
    SELECT h.inhrelid, pg_catalog.array_agg(h.inhparent::bigint ORDER BY h.inhseqno) AS parents
    FROM pg_catalog.pg_inherits h
    GROUP BY h.inhrelid
) i ON i.inhrelid = c.oid
WHERE c.relkind IN ('r', 'p', 'm', 'v', 'f')
  AND c.relpersistence <> 't'
  AND n.nspname <> 'information_schema'
  AND n.nspname NOT LIKE 'pg\_%'
  AND NOT EXISTS (
      SELECT FROM pg_catalog.pg_depend d
      WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
        AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY c.oid
