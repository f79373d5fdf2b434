-- Relations that somebody holds, or waits to hold, under a lock that also stops readers: to look at
-- them would be to wait. Least privilege: none.
SELECT DISTINCT l.relation AS oid
FROM pg_catalog.pg_locks l
WHERE l.locktype = 'relation'
  AND l.mode = 'AccessExclusiveLock'
  AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d
                    WHERE d.datname = pg_catalog.current_database())
