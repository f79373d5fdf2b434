-- Sequences that were used. Least privilege: none; last values of sequences that the role may not
-- read are NULL. A column's default that merely names the sequence counts, too (pg_depend knows it).
SELECT
    s.schemaname::text AS schema, s.sequencename::text AS name, s.last_value,
    CASE WHEN s.increment_by > 0 THEN s.max_value ELSE s.min_value END AS "limit",
    s.start_value AS start, s.increment_by AS increment, s.cycle,
    COALESCE(o."table", '') AS "table", COALESCE(o.column, '') AS "column",
    COALESCE(o.column_type, '') AS column_type, COALESCE(o.table_schema, '') AS table_schema
FROM pg_catalog.pg_sequences s
JOIN pg_catalog.pg_namespace sn ON sn.nspname = s.schemaname
JOIN pg_catalog.pg_class sc ON sc.relnamespace = sn.oid AND sc.relname = s.sequencename
LEFT JOIN LATERAL (
    SELECT n.nspname || '.' || c.relname AS "table", a.attname::text AS column,
           pg_catalog.format_type(a.atttypid, NULL) AS column_type, n.nspname::text AS table_schema
    FROM (
        SELECT d.refobjid AS relation, d.refobjsubid AS number
        FROM pg_catalog.pg_depend d
        WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = sc.oid
          AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.deptype IN ('a', 'i')
        UNION ALL
        SELECT ad.adrelid, ad.adnum
        FROM pg_catalog.pg_depend d
        JOIN pg_catalog.pg_attrdef ad ON ad.oid = d.objid
        WHERE d.classid = 'pg_catalog.pg_attrdef'::regclass
          AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = sc.oid
    ) AS fed
    JOIN pg_catalog.pg_class c ON c.oid = fed.relation
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_attribute a ON a.attrelid = fed.relation AND a.attnum = fed.number
    WHERE NOT a.attisdropped
    ORDER BY a.attlen, c.oid
    LIMIT 1
) AS o ON true
WHERE s.last_value IS NOT NULL
   OR NOT (pg_catalog.has_sequence_privilege(sc.oid, 'USAGE')
           OR pg_catalog.has_sequence_privilege(sc.oid, 'SELECT'))
