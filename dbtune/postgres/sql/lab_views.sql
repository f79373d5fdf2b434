-- Definitions of views, and what relations each reads. Least privilege: none.
SELECT
    v.oid::bigint AS oid,
    pg_catalog.pg_get_viewdef(v.oid) AS definition,
    COALESCE(v.reloptions, '{}') AS options,
    ARRAY(
        SELECT DISTINCT d.refobjid::bigint
        FROM pg_catalog.pg_rewrite r
        JOIN pg_catalog.pg_depend d
          ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = r.oid
        WHERE r.ev_class = v.oid AND d.refobjid <> v.oid
          AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
        ORDER BY 1) AS reads
FROM pg_catalog.pg_class v
WHERE v.oid = ANY(%(oids)s::oid[])
ORDER BY v.oid
