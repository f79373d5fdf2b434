-- How tables are partitioned, and what each partition holds. Least privilege: none.
SELECT
    c.oid::bigint AS oid,
    CASE WHEN c.relkind = 'p' THEN pg_catalog.pg_get_partkeydef(c.oid) ELSE '' END AS partition_key,
    CASE WHEN c.relispartition THEN pg_catalog.pg_get_expr(c.relpartbound, c.oid) ELSE '' END
        AS partition_bound
FROM pg_catalog.pg_class c
WHERE c.oid = ANY(%(oids)s::oid[])
