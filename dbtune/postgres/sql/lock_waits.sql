-- Locks that somebody waits for, and who has what of the same. Least privilege: none. Reading
-- pg_locks takes the lock manager's own locks for a moment: it is asked only if somebody waits.
SELECT
    w.pid, w.mode,
    CASE w.locktype
        WHEN 'relation' THEN COALESCE(CASE WHEN w.database = d.oid OR w.database = 0
            THEN w.relation::regclass::text END, 'relation ' || w.relation || ' of another database')
        WHEN 'transactionid' THEN 'transaction ' || w.transactionid
        WHEN 'virtualxid' THEN 'virtual transaction ' || w.virtualxid
        WHEN 'tuple' THEN 'row of ' || COALESCE(CASE WHEN w.database = d.oid
            THEN w.relation::regclass::text END, 'relation ' || w.relation)
        WHEN 'advisory' THEN 'advisory lock ' || w.classid || ':' || w.objid
        ELSE w.locktype
    END AS object,
    (pg_catalog.to_jsonb(w) ->> 'waitstart')::timestamptz AS since,
    pg_catalog.clock_timestamp() AS at,
    ARRAY(
        SELECT COALESCE(h.pid, 0) || ' ' || h.mode
        FROM pg_catalog.pg_locks h
        WHERE h.granted AND h.pid IS DISTINCT FROM w.pid
          AND (h.locktype, h.database, h.relation, h.page, h.tuple, h.virtualxid, h.transactionid,
               h.classid, h.objid, h.objsubid)
              IS NOT DISTINCT FROM
              (w.locktype, w.database, w.relation, w.page, w.tuple, w.virtualxid, w.transactionid,
               w.classid, w.objid, w.objsubid)
        ORDER BY 1
        LIMIT 20
    ) AS held
FROM pg_catalog.pg_locks w
JOIN pg_catalog.pg_database d ON d.datname = pg_catalog.current_database()
WHERE NOT w.granted
ORDER BY w.pid
LIMIT 200
