-- Indexes of tables, as the catalog has them. Parameter: oids of tables. Least privilege: none.
-- pg_get_indexdef and pg_get_expr lock the table as a SELECT does.
SELECT
    x.indexrelid AS oid,
    x.indrelid AS "table",
    n.nspname::text AS schema,
    i.relname::text AS name,
    m.amname::text AS method,
    x.indnkeyatts AS keys,
    x.indkey::int2[] AS numbers,
    x.indoption::int2[] AS directions,
    x.indclass::oid[] AS classes,
    x.indcollation::oid[] AS collations,
    x.indisunique AS "unique",
    x.indisprimary AS "primary",
    x.indisexclusion AS exclusion,
    x.indisvalid AS valid,
    x.indisready AND x.indislive AS ready,
    x.indisclustered AS clustered,
    x.indisreplident AS replica_identity,
    x.indisunique AND COALESCE((pg_catalog.to_jsonb(x) ->> 'indnullsnotdistinct')::bool, false)
        AS nulls_not_distinct,
    i.reltuples AS rows,
    i.relpages AS pages,
    i.reloptions AS options,
    pg_catalog.age(i.xmin) AS age,
    (SELECT h.inhparent FROM pg_catalog.pg_inherits h
     WHERE h.inhrelid = x.indexrelid AND i.relispartition) AS parent,
    (SELECT e.extname::text FROM pg_catalog.pg_depend d
     JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
     WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = x.indrelid
       AND d.objsubid = 0 AND d.deptype = 'e') AS extension,
    pg_catalog.pg_get_indexdef(x.indexrelid) AS definition,
    pg_catalog.pg_get_expr(x.indpred, x.indrelid) AS predicate,
    CASE WHEN x.indexprs IS NOT NULL THEN ARRAY(
        SELECT pg_catalog.pg_get_indexdef(x.indexrelid, a.attnum, false)
        FROM pg_catalog.pg_attribute a
        WHERE a.attrelid = x.indexrelid AND a.attnum <= x.indnkeyatts AND a.attnum > 0
        ORDER BY a.attnum) END AS expressions,
    (SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_array(
            a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attlen, a.attalign)
            ORDER BY a.attnum)
     FROM pg_catalog.pg_attribute a
     WHERE x.indexprs IS NOT NULL AND a.attrelid = x.indexrelid) AS attributes,
    CASE WHEN m.amname NOT IN ('btree', 'hash') THEN ARRAY(
        SELECT pg_catalog.array_to_string(a.attoptions, ', ')
        FROM pg_catalog.pg_attribute a
        WHERE a.attrelid = x.indexrelid ORDER BY a.attnum) END AS class_options
FROM pg_catalog.pg_index x
JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
JOIN pg_catalog.pg_namespace n ON n.oid = i.relnamespace
JOIN pg_catalog.pg_am m ON m.oid = i.relam
WHERE x.indrelid = ANY (%(oids)s::oid[])
ORDER BY x.indrelid, x.indexrelid
