-- Prepared transactions, oldest first. Least privilege: none.
SELECT p.gid, p.owner::text AS owner, p.database::text AS database,
       EXTRACT(epoch FROM pg_catalog.now() - p.prepared)::float8 AS age_seconds,
       pg_catalog.age(p.transaction)::int AS xid_age
FROM pg_catalog.pg_prepared_xacts p
ORDER BY p.prepared, p.gid
LIMIT 1000
