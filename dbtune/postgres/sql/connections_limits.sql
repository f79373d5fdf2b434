-- max_connections, what is reserved of it, and a row per role or database with a limit of its own
-- (one row of NULLs if there is none). Superusers have no limit. Least privilege: none.
SELECT
    pg_catalog.current_setting('max_connections')::int AS max_connections,
    pg_catalog.current_setting('superuser_reserved_connections')::int
        + COALESCE(pg_catalog.current_setting('reserved_connections', true), '0')::int AS reserved,
    l.kind, l.name, l."limit", l.used::int
FROM (VALUES (1)) AS one
LEFT JOIN (
    SELECT 'role' AS kind, r.rolname::text AS name, r.rolconnlimit AS "limit",
           (SELECT count(*) FROM pg_catalog.pg_stat_activity a
            WHERE a.usesysid = r.oid AND a.datid IS NOT NULL) AS used
    FROM pg_catalog.pg_roles r
    WHERE r.rolconnlimit >= 0 AND r.rolcanlogin AND NOT r.rolsuper
    UNION ALL
    SELECT 'database', d.datname::text, d.datconnlimit,
           (SELECT count(*) FROM pg_catalog.pg_stat_activity a WHERE a.datid = d.oid)
    FROM pg_catalog.pg_database d
    WHERE d.datconnlimit >= 0 AND d.datallowconn
) AS l ON true
ORDER BY l.kind, l.name
