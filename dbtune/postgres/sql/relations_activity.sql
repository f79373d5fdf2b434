-- What tables went through. Parameter: oids. Least privilege: none. The functions behind
-- pg_stat_all_tables: the view would join and group all tables each time.
SELECT
    o.oid,
    pg_catalog.pg_stat_get_numscans(o.oid) AS sequential_scans,
    pg_catalog.pg_stat_get_tuples_returned(o.oid) AS sequential_rows,
    pg_catalog.pg_stat_get_tuples_inserted(o.oid) AS inserted,
    pg_catalog.pg_stat_get_tuples_updated(o.oid) AS updated,
    pg_catalog.pg_stat_get_tuples_deleted(o.oid) AS deleted,
    pg_catalog.pg_stat_get_tuples_hot_updated(o.oid) AS hot_updated,
    pg_catalog.pg_stat_get_live_tuples(o.oid) AS live_rows,
    pg_catalog.pg_stat_get_dead_tuples(o.oid) AS dead_rows,
    pg_catalog.pg_stat_get_mod_since_analyze(o.oid) AS modified_since_analyze,
    GREATEST(pg_catalog.pg_stat_get_last_vacuum_time(o.oid),
             pg_catalog.pg_stat_get_last_autovacuum_time(o.oid)) AS last_vacuum,
    GREATEST(pg_catalog.pg_stat_get_last_analyze_time(o.oid),
             pg_catalog.pg_stat_get_last_autoanalyze_time(o.oid)) AS last_analyze
FROM unnest(%(oids)s::oid[]) AS o(oid)
