-- Who holds what other sessions wait for, and waits for nobody: transactions (a row's lock is held
-- by one) and advisory locks, not locks on tables. Least privilege: none, pg_locks is readable by
-- everybody. It is read once: that takes all of the lock table's partitions for a moment.
WITH lock AS MATERIALIZED (
    SELECT k.pid, k.granted, k.transactionid, k.database, k.classid, k.objid, k.objsubid
    FROM pg_catalog.pg_locks k
    WHERE NOT k.granted OR k.locktype IN ('transactionid', 'advisory')
),
holder AS (
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
)
SELECT h.pid
FROM holder h
WHERE h.pid NOT IN (SELECT w.pid FROM lock w WHERE NOT w.granted AND w.pid IS NOT NULL)
LIMIT 1000
