-- Locks on tables of this database that conflict with VACUUM's SHARE UPDATE EXCLUSIVE lock.
-- Least privilege: none; the kind of process is hidden from who may not see other roles' sessions.
SELECT c.oid::bigint AS table, n.nspname::text AS schema, c.relname::text AS name,
       COALESCE(l.pid, 0) AS pid, l.mode, COALESCE(a.backend_type, '') AS kind
FROM pg_catalog.pg_locks l
JOIN pg_catalog.pg_database d ON d.oid = l.database
JOIN pg_catalog.pg_class c ON c.oid = l.relation
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
WHERE d.datname = pg_catalog.current_database()
  AND l.locktype = 'relation' AND l.granted AND c.relkind IN ('r', 'm', 't')
  AND l.mode IN ('ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock',
                 'AccessExclusiveLock')
ORDER BY c.oid, l.pid
LIMIT 1000
