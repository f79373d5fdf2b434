-- When this database was created, unless it lies in a tablespace. Least privilege: superuser, or
-- pg_read_server_files and EXECUTE on pg_stat_file.
SELECT (pg_catalog.pg_stat_file('base/' || d.oid || '/PG_VERSION')).modification AS at
FROM pg_catalog.pg_database d
WHERE d.datname = pg_catalog.current_database()
  AND d.dattablespace = 1663
