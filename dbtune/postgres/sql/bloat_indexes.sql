-- How the indexes %(oids)s store their entries. Least privilege: none; extended statistics show
-- only to who may SELECT their columns.
SELECT x.indexrelid::bigint AS oid,
       m.amname AS method, x.indnkeyatts AS keys, x.indisunique AS is_unique,
       x.indisvalid AS valid, x.indpred IS NOT NULL AS predicate,
       EXISTS (SELECT FROM pg_catalog.pg_constraint o
               WHERE o.conindid = x.indexrelid AND o.contype IN ('p', 'u', 'x')) AS is_constraint,
       x.indisexclusion AS is_exclusion, x.indkey::int2[] AS columns,
       -- What _bt_allequalimage asks: may equal keys be merged?
       (SELECT bool_and(
                   EXISTS (SELECT FROM pg_catalog.pg_amproc p
                           WHERE p.amprocfamily = k.opcfamily AND p.amprocnum = 4
                             AND p.amproclefttype = k.opcintype
                             AND p.amprocrighttype = k.opcintype)
                   AND f.opfname <> 'interval_ops' AND coalesce(y.collisdeterministic, true))
        FROM generate_series(0, x.indnkeyatts - 1) i
        JOIN pg_catalog.pg_opclass k ON k.oid = x.indclass[i]
        JOIN pg_catalog.pg_opfamily f ON f.oid = k.opcfamily
        LEFT JOIN pg_catalog.pg_collation y ON y.oid = x.indcollation[i]) AS equal_images,
       CASE WHEN x.indnkeyatts > 1 THEN
           (SELECT array_agg(d.n_distinct::text)
            FROM pg_catalog.pg_class r
            JOIN pg_catalog.pg_namespace q ON q.oid = r.relnamespace
            JOIN pg_catalog.pg_stats_ext d
              ON d.schemaname = q.nspname AND d.tablename = r.relname
            WHERE r.oid = x.indrelid AND d.n_distinct IS NOT NULL) END AS joint_distinct
FROM pg_catalog.pg_index x
JOIN pg_catalog.pg_class c ON c.oid = x.indexrelid
JOIN pg_catalog.pg_am m ON m.oid = c.relam
WHERE x.indexrelid = ANY (%(oids)s::oid[])
