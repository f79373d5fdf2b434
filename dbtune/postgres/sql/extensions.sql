-- Extensions of this database with installed and available version. Least privilege: none.
SELECT e.extname::text AS name, e.extversion AS installed,
       COALESCE(a.default_version, '') AS available
FROM pg_catalog.pg_extension e
LEFT JOIN pg_catalog.pg_available_extensions a ON a.name = e.extname
ORDER BY 1
