-- Objects that the catalog alone shows to be flawed. Least privilege: none.
SELECT 'constraint-not-validated' AS kind,
       n.nspname || '.' || c.conname AS name, r.oid::regclass::text AS detail,
       r.reltuples::float8 AS rows, -1::bigint AS size_bytes,
       c.conname::text AS own
FROM pg_catalog.pg_constraint c
JOIN pg_catalog.pg_class r ON r.oid = c.conrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.connamespace
WHERE NOT c.convalidated AND c.contype IN ('f', 'c')
UNION ALL
SELECT 'trigger-disabled', n.nspname || '.' || t.tgname, r.oid::regclass::text,
       r.reltuples::float8, -1, t.tgname::text
FROM pg_catalog.pg_trigger t
JOIN pg_catalog.pg_class r ON r.oid = t.tgrelid
JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
WHERE t.tgenabled = 'D'
UNION ALL
SELECT 'public-create', n.nspname::text, '', -1, -1, ''
FROM pg_catalog.pg_namespace n
WHERE n.nspname NOT LIKE 'pg\_%'
  AND EXISTS (SELECT FROM pg_catalog.aclexplode(n.nspacl) a
              WHERE a.grantee = 0 AND a.privilege_type = 'CREATE')
UNION ALL
SELECT 'unlogged-table', n.nspname || '.' || r.relname, '', r.reltuples::float8,
       r.relpages::bigint * pg_catalog.current_setting('block_size')::bigint, r.relname::text
FROM pg_catalog.pg_class r
JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
WHERE r.relkind = 'r' AND r.relpersistence = 'u'
UNION ALL
SELECT 'default-partition-used', n.nspname || '.' || d.relname, p.partrelid::regclass::text,
       GREATEST(d.reltuples, pg_catalog.pg_stat_get_live_tuples(d.oid))::float8,
       d.relpages::bigint * pg_catalog.current_setting('block_size')::bigint, d.relname::text
FROM pg_catalog.pg_partitioned_table p
JOIN pg_catalog.pg_class d ON d.oid = p.partdefid
JOIN pg_catalog.pg_namespace n ON n.oid = d.relnamespace
WHERE d.reltuples > 0 OR pg_catalog.pg_stat_get_live_tuples(d.oid) > 0
UNION ALL
SELECT 'database-invalid', d.datname::text, '', -1, -1, ''
FROM pg_catalog.pg_database d
WHERE d.datconnlimit = -2
UNION ALL
SELECT 'partition-detach-pending', i.inhrelid::regclass::text, i.inhparent::regclass::text, -1, -1,
       ''
FROM pg_catalog.pg_inherits i
-- The column is there since 14.
WHERE pg_catalog.to_jsonb(i) ->> 'inhdetachpending' = 'true'
ORDER BY 1, 2
LIMIT 2000
