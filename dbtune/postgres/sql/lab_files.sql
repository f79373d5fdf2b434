-- For the planner lab's own server (18): its tables and indexes and their files; of an index the
-- widths of its keys and how many distinct values each has, as pg_statistic writes it.
SELECT
    c.oid::bigint AS oid,
    n.nspname::text AS schema,
    c.relname::text AS name,
    c.relkind::text AS kind,
    COALESCE(am.amname::text, '') AS method,
    CASE WHEN c.relkind IN ('r', 'i') THEN pg_catalog.pg_relation_filepath(c.oid) END AS path,
    CASE WHEN c.relkind IN ('i') THEN pg_catalog.pg_relation_size(c.oid) / 8192 ELSE 0 END AS pages,
    COALESCE(k.widths, '{}') AS widths,
    COALESCE(k.distinct_values, '{}') AS distinct
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_am am ON am.oid = c.relam
LEFT JOIN LATERAL (
    SELECT
        pg_catalog.array_agg(COALESCE(NULLIF(s.stawidth, 0), NULLIF(t.typlen, -1), 16)::float8
                             ORDER BY p.place) AS widths,
        pg_catalog.array_agg(COALESCE(s.stadistinct, -1)::float8 ORDER BY p.place)
            AS distinct_values
    FROM pg_catalog.pg_index i
    CROSS JOIN LATERAL pg_catalog.unnest(i.indkey::int2[]) WITH ORDINALITY AS p(number, place)
    JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indexrelid AND a.attnum = p.place
    JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_catalog.pg_statistic s
      ON s.starelid = CASE p.number WHEN 0 THEN i.indexrelid ELSE i.indrelid END
     AND s.staattnum = CASE p.number WHEN 0 THEN p.place ELSE p.number END
     AND NOT s.stainherit
    WHERE i.indexrelid = c.oid AND p.place <= i.indnkeyatts
) k ON c.relkind = 'i'
WHERE c.relkind IN ('r', 'p', 'f', 'i', 'I')
  AND n.nspname <> 'information_schema'
  AND n.nspname NOT LIKE 'pg\_%'
