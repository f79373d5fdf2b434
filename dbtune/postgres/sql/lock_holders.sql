-- Who holds what other sessions wait for: transactions (a row's lock is held by one) and advisory
-- locks, not locks on tables. Least privilege: none, pg_locks is readable by everybody. It is read
-- once: that takes all of the lock table's partitions for a moment.
WITH lock AS MATERIALIZED (
    SELECT k.pid, k.granted, k.transactionid, k.database, k.classid, k.objid, k.objsubid
    FROM pg_catalog.pg_locks k
    WHERE k.locktype IN ('transactionid', 'advisory')
)
SELECT h.pid
FROM lock w
JOIN lock h ON h.transactionid = w.transactionid
WHERE h.granted AND NOT w.granted
UNION
SELECT h.pid
FROM lock w
JOIN lock h
    ON h.database = w.database AND h.classid = w.classid AND h.objid = w.objid
       AND h.objsubid = w.objsubid
WHERE h.granted AND NOT w.granted
LIMIT 1000
