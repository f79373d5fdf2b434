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
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_stats s ON s.schemaname = n.nspname AND s.tablename = c.relname
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = s.attname
WHERE c.oid = ANY(%(oids)s::oid[])
ORDER BY a.attrelid, a.attnum, s.inherited
