-- The kind of each role's password, never the password. Least privilege: superuser.
SELECT a.rolname::text AS name,
       CASE WHEN a.rolpassword IS NULL THEN 'none'
            WHEN a.rolpassword LIKE 'SCRAM-SHA-256$%' THEN 'scram' ELSE 'md5' END AS kind
FROM pg_catalog.pg_authid a
WHERE a.rolcanlogin
