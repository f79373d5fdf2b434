-- Lines of pg_hba.conf as they are on disk. Least privilege: superuser, or EXECUTE granted.
SELECT h.line_number AS line, COALESCE(h.type, '') AS type,
       COALESCE(h.database, '{}') AS databases, COALESCE(h.user_name, '{}') AS users,
       COALESCE(h.address || COALESCE('/' || h.netmask, ''), '') AS address,
       COALESCE(h.auth_method, '') AS method, COALESCE(h.error, '') AS error
FROM pg_catalog.pg_hba_file_rules() h
ORDER BY h.line_number
LIMIT 5000
