-- What the planner goes by besides tables: one row. Least privilege: none.
SELECT
    pg_catalog.current_setting('server_version_num')::int AS version,
    pg_catalog.current_setting('block_size')::int AS block_bytes,
    pg_catalog.current_setting('TimeZone') AS time_zone,
    d.datcollate::text AS collate,
    COALESCE(pg_catalog.to_jsonb(d) ->> 'datlocprovider', 'c') AS provider,
    COALESCE(pg_catalog.to_jsonb(d) ->> 'datlocale', pg_catalog.to_jsonb(d) ->> 'daticulocale', '')
        AS locale,
    (SELECT pg_catalog.jsonb_object_agg(e.extname, n.nspname)
     FROM pg_catalog.pg_extension e
     JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace) AS extensions
FROM pg_catalog.pg_database d
WHERE d.datname = pg_catalog.current_database()
