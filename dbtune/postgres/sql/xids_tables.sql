-- The tables of this database with the oldest ids, TOAST tables counted with their owners.
-- Least privilege: none.
SELECT n.nspname::text AS schema, c.relname::text AS name,
       GREATEST(pg_catalog.age(c.relfrozenxid), pg_catalog.age(t.relfrozenxid))::int AS xid_age,
       GREATEST(pg_catalog.mxid_age(c.relminmxid), pg_catalog.mxid_age(t.relminmxid))::int
           AS multixact_age,
       (c.relpages + COALESCE(t.relpages, 0))::bigint
           * pg_catalog.current_setting('block_size')::bigint AS size_bytes
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_class t ON t.oid = c.reltoastrelid
WHERE c.relkind IN ('r', 'm')
ORDER BY GREATEST(pg_catalog.age(c.relfrozenxid), pg_catalog.age(t.relfrozenxid)) DESC, c.oid
LIMIT 20
