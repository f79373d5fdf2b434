-- Columns of the tables and indexes %(oids)s as they are stored, and what ANALYZE learned of their
-- lengths. Their schemas and names are given, too: the view pg_stats is read by these only.
-- Least privilege: none; statistics show only to who may SELECT the column.
-- Only lengths leave the server, no values.
SELECT a.attrelid::bigint AS oid, a.attname AS name, a.attnum AS number, a.attisdropped AS dropped,
       a.attlen AS type_length, a.attalign::text AS alignment, a.attstorage::text AS storage,
       NOT a.attnotnull AS may_be_null, a.attgenerated = 'v' AS virtual,
       s.null_frac AS null_ratio, s.avg_width AS average_bytes, s.n_distinct, s.correlation,
       s.most_common_freqs AS common_ratios,
       (SELECT array_agg(CASE WHEN m.bytes > 126 THEN m.bytes + 4 ELSE m.bytes + 1 END)
        FROM unnest(k.common) WITH ORDINALITY c(v, place)
        CROSS JOIN LATERAL (
            SELECT CASE k.way
                       WHEN 'text' THEN octet_length(v)
                       WHEN 'numeric' THEN pg_catalog.pg_column_size(v::numeric) - 4
                       WHEN 'bytea' THEN (octet_length(v) - 2) / 2
                       WHEN 'inet' THEN CASE WHEN v LIKE '%%:%%' THEN 18 ELSE 6 END
                       ELSE 20 + k.element * pg_catalog.cardinality(string_to_array(v, ','))
                   END AS bytes) m) AS common_lengths,
       (SELECT array_agg(CASE WHEN m.bytes > 126 THEN m.bytes + 4 ELSE m.bytes + 1 END)
        FROM unnest(k.histogram) h(v)
        CROSS JOIN LATERAL (
            SELECT CASE k.way
                       WHEN 'text' THEN octet_length(v)
                       WHEN 'numeric' THEN pg_catalog.pg_column_size(v::numeric) - 4
                       WHEN 'bytea' THEN (octet_length(v) - 2) / 2
                       WHEN 'inet' THEN CASE WHEN v LIKE '%%:%%' THEN 18 ELSE 6 END
                       ELSE 20 + k.element * pg_catalog.cardinality(string_to_array(v, ','))
                   END AS bytes) m) AS lengths
FROM (
    SELECT n.nspname, c.relname, o.*
    FROM pg_catalog.pg_attribute o
    JOIN pg_catalog.pg_class c ON c.oid = o.attrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE o.attrelid = ANY (%(oids)s::oid[]) AND o.attnum > 0
) a
-- The server takes the view to have one row, and would look through all of it for each column; the
-- two sides of a FULL JOIN can't be joined so.
FULL JOIN (
    SELECT * FROM pg_catalog.pg_stats
    WHERE NOT inherited
      AND schemaname = ANY (%(schemas)s::name[]) AND tablename = ANY (%(names)s::name[])
) s ON s.schemaname = a.nspname AND s.tablename = a.relname AND s.attname = a.attname
LEFT JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem AND t.typcategory = 'A' AND e.typlen > 0
LEFT JOIN LATERAL (
    SELECT y.way, e.typlen AS element,
           CASE WHEN y.way IS NOT NULL THEN s.most_common_vals::text::text[] END AS common,
           CASE WHEN y.way IS NOT NULL THEN s.histogram_bounds::text::text[] END AS histogram
    FROM (SELECT CASE WHEN t.typcategory = 'S' THEN 'text'
                      WHEN t.typname IN ('name', 'cstring') THEN 'text'
                      WHEN t.typname IN ('numeric', 'bytea') THEN t.typname::text
                      WHEN t.typname IN ('inet', 'cidr') THEN 'inet'
                      WHEN e.oid IS NOT NULL THEN 'array' END AS way) y
) k ON true
WHERE coalesce(a.attrelid, 0) <> 0
ORDER BY a.attrelid, a.attnum
