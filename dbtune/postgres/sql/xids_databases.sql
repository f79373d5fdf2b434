-- Age of the oldest ids of each database. Least privilege: none.
SELECT d.datname::text AS name, pg_catalog.age(d.datfrozenxid)::int AS xid_age,
       pg_catalog.mxid_age(d.datminmxid)::int AS multixact_age
FROM pg_catalog.pg_database d
ORDER BY 2 DESC, 1
LIMIT 1000
