-- Constraints that need an index, and foreign keys, on tables or towards them. Parameter: oids.
-- Copies that partitions inherit have a parent. Least privilege: none.
SELECT
    k.conname::text AS name,
    k.contype::text AS type,
    k.conrelid AS "table",
    k.conindid AS index,
    k.condeferrable AS deferrable,
    k.conparentid <> 0 AS inherited,
    k.confrelid AS target,
    k.confdeltype::text AS on_delete,
    CASE WHEN k.contype = 'f' THEN ARRAY(
        SELECT a.attname::text
        FROM unnest(k.conkey) WITH ORDINALITY AS u(number, place)
        JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.number
        ORDER BY u.place) END AS columns
FROM pg_catalog.pg_constraint k
WHERE k.conrelid = ANY (%(oids)s::oid[])
  AND k.contype IN ('p', 'u', 'x', 'f')
ORDER BY k.conrelid, k.conname
