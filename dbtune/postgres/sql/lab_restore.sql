-- For the planner lab's own server (18): a function that restores statistics, one array at once.
-- What can't be read as a value of the column's type is left out; it returns how many columns
-- that are in the lab have none therefore.
CREATE FUNCTION pg_temp.dbtune_restore(statistics jsonb) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    one record;
    failed bigint := 0;
BEGIN
    FOR one IN SELECT * FROM jsonb_to_recordset(statistics) AS x(
        schema text, relation text, name text, number smallint, inherited boolean, resort boolean,
        null_frac real, avg_width integer, n_distinct real, most_common_vals text,
        most_common_freqs real[], histogram_bounds text, correlation real, most_common_elems text,
        most_common_elem_freqs real[], elem_count_histogram real[], range_length_histogram text,
        range_empty_frac real, range_bounds_histogram text)
    LOOP
        IF one.resort THEN
            one.histogram_bounds := (SELECT array_agg(v ORDER BY v)::text
                                     FROM unnest(one.histogram_bounds::text[]) AS v);
        END IF;
        BEGIN
            PERFORM pg_restore_attribute_stats(
                'schemaname', one.schema, 'relname', one.relation, 'attname', one.name,
                'attnum', one.number, 'inherited', one.inherited, 'null_frac', one.null_frac,
                'avg_width', one.avg_width, 'n_distinct', one.n_distinct,
                'most_common_vals', one.most_common_vals,
                'most_common_freqs', one.most_common_freqs,
                'histogram_bounds', one.histogram_bounds, 'correlation', one.correlation,
                'most_common_elems', one.most_common_elems,
                'most_common_elem_freqs', one.most_common_elem_freqs,
                'elem_count_histogram', one.elem_count_histogram,
                'range_length_histogram', one.range_length_histogram,
                'range_empty_frac', one.range_empty_frac,
                'range_bounds_histogram', one.range_bounds_histogram);
        EXCEPTION WHEN OTHERS THEN
            failed := failed + (SELECT count(*) FROM pg_attribute a
                                WHERE a.attrelid = to_regclass(format('%I.%I', one.schema,
                                                                      one.relation))
                                  AND a.attname = one.name);
        END;
    END LOOP;
    RETURN failed;
END
$$
