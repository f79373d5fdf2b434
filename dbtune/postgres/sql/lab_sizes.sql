-- Sizes of tables' and indexes' main files now, which is what the planner goes by. It opens each
-- file for a moment; what is locked against that is left out. Least privilege: none.
SELECT c.oid::bigint AS oid, pg_catalog.pg_relation_size(c.oid) AS bytes
FROM pg_catalog.pg_class c
WHERE c.oid = ANY(%(oids)s::oid[])
  AND c.relkind IN ('r', 'm', 'i')
  AND NOT EXISTS (
      SELECT FROM pg_catalog.pg_locks l
      WHERE l.locktype = 'relation' AND l.relation = c.oid AND l.mode = 'AccessExclusiveLock'
        AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d
                          WHERE d.datname = pg_catalog.current_database()))
