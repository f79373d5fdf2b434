-- Roles that may log in, and their connections without this one. Least privilege: none.
SELECT r.rolname::text AS name, r.rolsuper AS superuser,
       CASE WHEN pg_catalog.isfinite(r.rolvaliduntil)
            THEN EXTRACT(epoch FROM r.rolvaliduntil - pg_catalog.now())::float8 END AS expires_seconds,
       COALESCE(a.connections, 0) AS connections
FROM pg_catalog.pg_roles r
LEFT JOIN (
    SELECT usesysid, count(*)::int AS connections
    FROM pg_catalog.pg_stat_activity
    WHERE pid <> pg_catalog.pg_backend_pid()
    GROUP BY 1
) a ON a.usesysid = r.oid
WHERE r.rolcanlogin
ORDER BY 1
LIMIT 5000
