-- The server's clock, what it is set to, and which functions this role may call to look into pages.
-- Least privilege: none; pageinspect's functions are for superusers, pgstattuple's for members of
-- pg_stat_scan_tables (part of pg_monitor).
SELECT now() AS at, current_database()::text AS database,
       pg_catalog.pg_is_in_recovery() AS standby,
       (SELECT d.stats_reset FROM pg_catalog.pg_stat_database d
        WHERE d.datname = current_database()) AS stats_since,
       (SELECT jsonb_object_agg(s.name, s.setting) FROM pg_catalog.pg_settings s
        WHERE s.name LIKE '%autovacuum%' OR s.name LIKE 'vacuum%' OR s.name = 'track_counts'
           OR s.name IN ('block_size', 'idle_in_transaction_session_timeout')) AS settings,
       (SELECT jsonb_object_agg(e.extname, n.nspname)
        FROM pg_catalog.pg_extension e
        JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
        WHERE CASE e.extname
                  WHEN 'pageinspect' THEN (SELECT r.rolsuper FROM pg_catalog.pg_roles r
                                           WHERE r.rolname = current_user)
                  WHEN 'pgstattuple' THEN EXISTS (
                      SELECT FROM pg_catalog.pg_proc p
                      WHERE p.pronamespace = n.oid AND p.proname = 'pgstatindex'
                        AND pg_catalog.has_function_privilege(p.oid, 'EXECUTE'))
              END) AS inspectors,
       (SELECT jsonb_object_agg(e.extname, n.nspname)
        FROM pg_catalog.pg_extension e
        JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
        WHERE e.extname IN ('pg_repack', 'pg_squeeze')) AS tools
