-- Columns of relations. Least privilege: none.
SELECT
    a.attrelid::bigint AS relation,
    a.attname::text AS name,
    a.atttypid::bigint AS type_oid,
    pg_catalog.format_type(a.atttypid, a.atttypmod) AS type,
    a.attnotnull AS not_null,
    CASE WHEN a.attgenerated = 'v' THEN pg_catalog.pg_get_expr(d.adbin, d.adrelid) ELSE '' END
        AS virtual,
    CASE WHEN a.attcollation = 0 OR a.attcollation = t.typcollation THEN 0
         ELSE a.attcollation::bigint END AS collation
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = ANY(%(oids)s::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum
