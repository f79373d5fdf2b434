-- Statistics of columns and of index expressions. Parameters: schemas and names of tables and
-- indexes, in pairs; full: with values. Least privilege: SELECT on the table (of an index: its owner), or
-- pg_read_all_data. Lists of values of more than 32 kB are not read.
SELECT
    s.schemaname::text AS schema,
    s.tablename::text AS name,
    s.attname::text AS attribute,
    s.inherited,
    s.null_frac AS null_ratio,
    s.avg_width AS width,
    s.n_distinct,
    s.correlation,
    CASE WHEN %(full)s THEN s.most_common_freqs END AS common_ratios,
    CASE WHEN %(full)s AND pg_catalog.pg_column_size(s.most_common_vals) <= 32768
         THEN s.most_common_vals::text::text[] END AS common_values,
    CASE WHEN %(full)s AND pg_catalog.pg_column_size(s.histogram_bounds) <= 32768
         THEN s.histogram_bounds::text::text[] END AS histogram,
    CASE WHEN %(full)s AND pg_catalog.pg_column_size(s.most_common_elems) <= 32768
         THEN s.most_common_elems::text::text[] END AS element_values,
    CASE WHEN %(full)s THEN s.most_common_elem_freqs END AS element_ratios
FROM pg_catalog.pg_stats s
WHERE s.schemaname = ANY (%(schemas)s::name[])
  AND s.tablename = ANY (%(names)s::name[])
  AND (s.schemaname, s.tablename) IN (
      SELECT w.schema, w.name FROM unnest(%(schemas)s::name[], %(names)s::name[]) AS w(schema, name))
