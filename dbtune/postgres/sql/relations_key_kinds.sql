-- Operator classes and collations that index keys refer to. Parameters: classes, collations. Least
-- privilege: none. A b-tree's support function 4 says whether what is equal is also identical.
SELECT
    k.oid,
    'class' AS kind,
    CASE WHEN n.nspname = 'pg_catalog' THEN pg_catalog.quote_ident(k.opcname)
         ELSE pg_catalog.format('%%I.%%I', n.nspname, k.opcname) END AS name,
    CASE WHEN n.nspname = 'pg_catalog' THEN '' ELSE n.nspname || '.' END
        || f.opfname || '/' || t.typname AS family,
    k.opcdefault AS is_default,
    EXISTS (SELECT FROM pg_catalog.pg_amproc p
            WHERE p.amprocfamily = k.opcfamily AND p.amprocnum = 4
              AND p.amproclefttype = k.opcintype AND p.amprocrighttype = k.opcintype) AS identical
FROM pg_catalog.pg_opclass k
JOIN pg_catalog.pg_opfamily f ON f.oid = k.opcfamily
JOIN pg_catalog.pg_type t ON t.oid = k.opcintype
JOIN pg_catalog.pg_namespace n ON n.oid = k.opcnamespace
WHERE k.oid = ANY (%(classes)s::oid[])
UNION ALL
SELECT
    o.oid,
    'collation',
    pg_catalog.format('%%I.%%I', n.nspname, o.collname),
    '',
    o.collname = 'default',
    o.collisdeterministic
FROM pg_catalog.pg_collation o
JOIN pg_catalog.pg_namespace n ON n.oid = o.collnamespace
WHERE o.oid = ANY (%(collations)s::oid[])
