-- Roles that may log in. Least privilege: none.
SELECT r.rolname::text AS name, r.rolsuper AS superuser,
       CASE WHEN pg_catalog.isfinite(r.rolvaliduntil)
            THEN EXTRACT(epoch FROM r.rolvaliduntil - pg_catalog.now())::float8 END AS expires_seconds,
       (SELECT count(*)::int FROM pg_catalog.pg_stat_activity a WHERE a.usesysid = r.oid) AS connections
FROM pg_catalog.pg_roles r
WHERE r.rolcanlogin
ORDER BY 1
LIMIT 5000
