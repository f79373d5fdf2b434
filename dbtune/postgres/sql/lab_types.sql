-- Types that users defined, by number or by name, without those of tables' rows.
-- Least privilege: none.
SELECT
    t.oid::bigint AS oid,
    n.nspname::text AS schema,
    t.typname::text AS name,
    t.typtype::text AS kind,
    t.typelem::bigint AS element,
    t.typrelid::bigint AS relation,
    t.typbasetype::bigint AS base,
    t.typnotnull AS not_null,
    pg_catalog.format_type(t.typbasetype, t.typtypmod) AS base_text,
    CASE WHEN t.typcollation = 0 OR t.typcollation = b.typcollation THEN 0
         ELSE t.typcollation::bigint END AS collation,
    ARRAY(SELECT e.enumlabel::text FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid
          ORDER BY e.enumsortorder) AS labels,
    r.rngsubtype::bigint AS subtype,
    pg_catalog.format_type(r.rngsubtype, NULL) AS subtype_text
FROM pg_catalog.pg_type t
JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
LEFT JOIN pg_catalog.pg_type b ON b.oid = t.typbasetype
LEFT JOIN pg_catalog.pg_range r ON r.rngtypid = t.oid
WHERE (t.oid = ANY(%(oids)s::oid[])
       OR t.typname = ANY(%(names)s::text[]) AND t.typtype IN ('e', 'd', 'r', 'c'))
  AND (t.typrelid = 0 OR EXISTS (SELECT FROM pg_catalog.pg_class c
                                 WHERE c.oid = t.typrelid AND c.relkind = 'c'))
  AND n.nspname NOT IN ('pg_catalog', 'information_schema')
ORDER BY t.oid
