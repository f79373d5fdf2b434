-- Indexes that statements may use; a constraint's with its definition. Least privilege: none.
SELECT
    i.indexrelid::bigint AS oid,
    i.indrelid::bigint AS relation,
    n.nspname::text AS schema,
    c.relname::text AS name,
    c.relkind::text AS kind,
    am.amname::text AS method,
    c.relpages::bigint AS pages,
    c.reltuples::float8 AS rows,
    pg_catalog.pg_get_indexdef(i.indexrelid) AS definition,
    COALESCE(pg_catalog.pg_get_constraintdef(k.oid), '') AS constraint_definition,
    (SELECT h.inhparent::bigint FROM pg_catalog.pg_inherits h WHERE h.inhrelid = i.indexrelid
     LIMIT 1) AS parent,
    ARRAY(SELECT DISTINCT x::bigint FROM pg_catalog.unnest(i.indcollation::oid[]) AS x
          WHERE x <> 0) AS collations
FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_am am ON am.oid = c.relam
LEFT JOIN pg_catalog.pg_constraint k
  ON k.conindid = i.indexrelid AND k.conrelid = i.indrelid AND k.contype IN ('p', 'u', 'x')
WHERE i.indrelid = ANY(%(oids)s::oid[]) AND i.indislive AND (i.indisvalid OR c.relkind = 'I')
ORDER BY i.indrelid, i.indexrelid
