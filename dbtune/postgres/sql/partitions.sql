-- The newest partition of each table that is partitioned by ranges of time or of numbers. Tables
-- that are themselves a range of another are left out: they end where they should. The key of the
-- newest rows is told by column statistics. Least privilege: none; statistics need SELECT.
WITH bounds AS (
    SELECT p.partrelid, p.partdefid, c.oid, t.typname::text AS type, t.typcategory,
           pg_catalog.pg_get_expr(c.relpartbound, c.oid) AS bound
    FROM pg_catalog.pg_partitioned_table p
    JOIN pg_catalog.pg_inherits i ON i.inhparent = p.partrelid
    JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid AND c.oid <> p.partdefid
    JOIN pg_catalog.pg_opclass o ON o.oid = p.partclass[0]
    JOIN pg_catalog.pg_type t ON t.oid = o.opcintype
    WHERE p.partstrat = 'r' AND c.relpartbound IS NOT NULL
      AND t.typname IN ('date', 'timestamp', 'timestamptz', 'int2', 'int4', 'int8', 'numeric')
      AND NOT EXISTS (
          SELECT FROM pg_catalog.pg_inherits up
          JOIN pg_catalog.pg_partitioned_table above ON above.partrelid = up.inhparent
          WHERE up.inhrelid = p.partrelid AND above.partstrat = 'r')
), texts AS (
    SELECT b.*,
           pg_catalog.regexp_match(b.bound, 'FROM \((MINVALUE|''[^'']*''|[^,)]+)') AS first,
           pg_catalog.regexp_match(b.bound, ' TO \((MAXVALUE|''[^'']*''|[^,)]+)') AS last
    FROM bounds b
), ends AS (
    SELECT x.*,
           CASE WHEN x.first[1] <> 'MINVALUE' THEN pg_catalog.btrim(x.first[1], '''') END AS lower,
           CASE WHEN x.last[1] <> 'MAXVALUE' THEN pg_catalog.btrim(x.last[1], '''') END AS upper
    FROM texts x
), ordered AS (
    SELECT e.*, e.typcategory = 'D' AS by_time,
           CASE WHEN e.typcategory = 'D' AND pg_catalog.isfinite(e.lower::timestamptz)
                THEN EXTRACT(epoch FROM e.lower::timestamptz)::numeric
                WHEN e.typcategory = 'N' THEN e.lower::numeric END AS lower_number,
           CASE WHEN e.typcategory = 'D' AND pg_catalog.isfinite(e.upper::timestamptz)
                THEN EXTRACT(epoch FROM e.upper::timestamptz)::numeric
                WHEN e.typcategory = 'N' THEN e.upper::numeric END AS upper_number
    FROM ends e
), newest AS (
    SELECT DISTINCT ON (o.partrelid) o.*, count(*) OVER (PARTITION BY o.partrelid) AS partitions
    FROM ordered o
    ORDER BY o.partrelid, o.upper_number DESC NULLS FIRST
)
SELECT n.nspname::text AS schema, r.relname::text AS name,
       pg_catalog.pg_get_partkeydef(r.oid) AS key, w.by_time, w.partitions::int,
       CASE WHEN w.partdefid <> 0
            THEN GREATEST((SELECT d.reltuples FROM pg_catalog.pg_class d WHERE d.oid = w.partdefid),
                          pg_catalog.pg_stat_get_live_tuples(w.partdefid), 0)::float8
       END AS default_rows,
       w.oid::regclass::text AS newest, w.lower, w.upper,
       w.lower_number::float8 AS lower_number, w.upper_number::float8 AS upper_number,
       EXTRACT(epoch FROM pg_catalog.now())::float8 AS now_number,
       COALESCE(a.attname::text, '') AS "column",
       s.largest
FROM newest w
JOIN pg_catalog.pg_class r ON r.oid = w.partrelid
JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
JOIN pg_catalog.pg_class c ON c.oid = w.oid
JOIN pg_catalog.pg_namespace cn ON cn.oid = c.relnamespace
JOIN pg_catalog.pg_partitioned_table p ON p.partrelid = w.partrelid
LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = r.oid AND a.attnum = p.partattrs[0] AND a.attnum > 0
LEFT JOIN LATERAL (
    SELECT v.histogram_bounds::text::text[] AS bounds
    FROM pg_catalog.pg_stats v
    WHERE NOT w.by_time AND v.schemaname = cn.nspname AND v.tablename = c.relname
      AND v.attname = a.attname AND NOT v.inherited
) h ON true
LEFT JOIN LATERAL (
    SELECT h.bounds[pg_catalog.array_upper(h.bounds, 1)]::float8 AS largest
) s ON true
ORDER BY 1, 2
LIMIT 10000
