-- How indexes were used. Parameter: oids of indexes. Least privilege: none.
SELECT
    o.oid,
    pg_catalog.pg_stat_get_numscans(o.oid) AS scans,
    pg_catalog.pg_stat_get_tuples_returned(o.oid) AS rows_read,
    pg_catalog.pg_stat_get_tuples_fetched(o.oid) AS rows_fetched,
    NULL::timestamptz AS last_scan
FROM unnest(%(oids)s::oid[]) AS o(oid)
