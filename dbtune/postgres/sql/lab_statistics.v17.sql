-- The planner's statistics of columns and of expressions of indexes, values as text.
-- Least privilege: SELECT on the tables, or pg_read_all_data (PostgreSQL 14); pg_monitor does not
-- help. Of indexes only the owner's and pg_read_all_data's eyes see any.
SELECT
    a.attrelid::bigint AS relation,
    s.attname::text AS name,
    a.attnum::int AS number,
    s.inherited,
    s.null_frac,
    s.avg_width,
    s.n_distinct,
    s.most_common_vals::text AS most_common_vals,
    s.most_common_freqs::text AS most_common_freqs,
    s.histogram_bounds::text AS histogram_bounds,
    s.correlation,
    s.most_common_elems::text AS most_common_elems,
    s.most_common_elem_freqs::text AS most_common_elem_freqs,
    s.elem_count_histogram::text AS elem_count_histogram,
    s.range_length_histogram::text AS range_length_histogram,
    s.range_empty_frac,
    s.range_bounds_histogram::text AS range_bounds_histogram
FROM pg_catalog.pg_stats s
JOIN pg_catalog.pg_namespace n ON n.nspname = s.schemaname
JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = s.tablename
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = s.attname
-- The view checks privileges column by column: only this reaches down to its index.
WHERE s.tablename = ANY(ARRAY(SELECT w.relname FROM pg_catalog.pg_class w
                              WHERE w.oid = ANY(%(oids)s::oid[])))
  AND c.oid = ANY(%(oids)s::oid[])
ORDER BY a.attrelid, a.attnum, s.inherited
