-- CREATE STATISTICS' objects on plain columns, and what ANALYZE found for them.
-- Least privilege: none for the objects; what was found only a table's owner sees.
SELECT
    e.stxrelid::bigint AS relation,
    n.nspname::text AS schema,
    e.stxname::text AS name,
    ARRAY(SELECT a.attname::text
          FROM pg_catalog.unnest(e.stxkeys::int2[]) WITH ORDINALITY k(number, n)
          JOIN pg_catalog.pg_attribute a ON a.attrelid = e.stxrelid AND a.attnum = k.number
          ORDER BY k.n) AS columns,
    e.stxkeys::int2[] AS numbers,
    COALESCE((pg_catalog.to_jsonb(s) ->> 'inherited')::boolean, false) AS inherited,
    s.n_distinct::text AS n_distinct,
    s.dependencies::text AS dependencies,
    s.most_common_freqs IS NOT NULL AS has_common_values
FROM pg_catalog.pg_statistic_ext e
JOIN pg_catalog.pg_namespace n ON n.oid = e.stxnamespace
LEFT JOIN pg_catalog.pg_stats_ext s
  ON s.statistics_schemaname = n.nspname AND s.statistics_name = e.stxname
WHERE e.stxrelid = ANY(%(oids)s::oid[]) AND pg_catalog.cardinality(e.stxkeys::int2[]) > 1
ORDER BY e.stxrelid, e.oid
