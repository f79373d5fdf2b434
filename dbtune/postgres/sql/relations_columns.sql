-- Columns of tables. Parameter: oids. Least privilege: none. base_type is what a domain stands for.
WITH RECURSIVE base AS (
    SELECT t.oid AS domain, t.typbasetype AS type
    FROM pg_catalog.pg_type t
    WHERE t.typtype = 'd'
    UNION
    SELECT b.domain, t.typbasetype
    FROM base b
    JOIN pg_catalog.pg_type t ON t.oid = b.type AND t.typtype = 'd'
)
SELECT
    a.attrelid AS "table",
    a.attnum AS number,
    a.attname::text AS name,
    pg_catalog.format_type(a.atttypid, a.atttypmod) AS type,
    COALESCE(b.typname, t.typname)::text AS base_type,
    COALESCE(b.typcategory, t.typcategory)::text AS type_category,
    a.attlen AS length,
    a.attalign::text AS alignment,
    a.attstorage::text AS storage,
    a.attnotnull AS not_null,
    COALESCE(pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(o.collname), '')
        AS collation,
    COALESCE(o.collisdeterministic, true) AS deterministic
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
LEFT JOIN (
    SELECT d.domain, y.typname, y.typcategory
    FROM base d
    JOIN pg_catalog.pg_type y ON y.oid = d.type AND y.typtype <> 'd'
) AS b ON b.domain = a.atttypid
LEFT JOIN pg_catalog.pg_collation o ON o.oid = a.attcollation AND o.collname <> 'default'
LEFT JOIN pg_catalog.pg_namespace n ON n.oid = o.collnamespace
WHERE a.attrelid = ANY (%(oids)s::oid[])
  AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum
