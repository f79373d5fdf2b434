-- The database's default collation, if its library's version changed; PostgreSQL 15 and later.
-- Least privilege: none.
SELECT '' AS name, d.datname::text AS database, d.datcollversion AS recorded,
       pg_catalog.pg_database_collation_actual_version(d.oid) AS actual, 0 AS indexes
FROM pg_catalog.pg_database d
WHERE d.datname = pg_catalog.current_database()
  AND d.datcollversion IS NOT NULL
  AND d.datcollversion IS DISTINCT FROM pg_catalog.pg_database_collation_actual_version(d.oid)
