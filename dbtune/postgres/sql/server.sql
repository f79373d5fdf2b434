-- What kind of server this is and who is asking: one row, one round trip. Least privilege: none.
-- Before PostgreSQL 15 membership in a predefined role was enough, whether it is inherited or not.
-- shared_preload_libraries is hidden (NULL) without pg_read_all_settings.
SELECT
    pg_catalog.version() AS version_text,
    pg_catalog.current_setting('server_version') AS server_version,
    pg_catalog.current_setting('server_version_num')::int AS version,
    current_user::text AS "user",
    pg_catalog.current_database()::text AS database,
    (SELECT pg_catalog.pg_encoding_to_char(d.encoding) FROM pg_catalog.pg_database d
     WHERE d.datname = pg_catalog.current_database()) AS encoding,
    (SELECT r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname = current_user) AS is_superuser,
    ARRAY(SELECT r.rolname::text FROM pg_catalog.pg_roles r
          WHERE r.rolname LIKE 'pg\_%'
            AND pg_catalog.pg_has_role(r.oid, CASE
                WHEN pg_catalog.current_setting('server_version_num')::int >= 150000 THEN 'USAGE'
                ELSE 'MEMBER' END)
          ORDER BY 1) AS memberships,
    ARRAY(SELECT r.rolname::text FROM pg_catalog.pg_roles r
          WHERE r.rolname IN ('rds_superuser', 'cloudsqlsuperuser', 'alloydbsuperuser',
                              'azure_pg_admin', 'neon_superuser', 'supabase_admin',
                              'avnadmin', 'doadmin', 'tsdbadmin')) AS provider_roles,
    ARRAY(SELECT DISTINCT pg_catalog.split_part(s.name, '.', 1) FROM pg_catalog.pg_settings s
          WHERE s.name LIKE '%.%') AS setting_prefixes,
    EXISTS (SELECT FROM pg_catalog.pg_namespace n
            WHERE n.nspname = 'heroku_ext') AS has_heroku_schema,
    (SELECT s.setting FROM pg_catalog.pg_settings s
     WHERE s.name = 'shared_preload_libraries') AS preload_libraries,
    (SELECT pg_catalog.jsonb_object_agg(e.extname, e.extversion)
     FROM pg_catalog.pg_extension e) AS extensions,
    pg_catalog.pg_is_in_recovery() AS is_standby,
    pg_catalog.pg_backend_pid() AS backend_pid,
    pg_catalog.pg_postmaster_start_time() AS started_at,
    pg_catalog.now() AS now,
    t.version AS tls_version,
    t.cipher AS tls_cipher
FROM (VALUES (1)) AS one
LEFT JOIN pg_catalog.pg_stat_ssl t ON t.pid = pg_catalog.pg_backend_pid() AND t.ssl
