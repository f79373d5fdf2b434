-- Constraints that matter to the planner, except foreign keys that a partition has of its parent.
-- Those not validated are no proof of anything, except foreign keys. Least privilege: none.
SELECT
    c.conrelid::bigint AS relation,
    c.conname::text AS name,
    c.contype::text AS kind,
    c.confrelid::bigint AS target,
    pg_catalog.pg_get_constraintdef(c.oid) AS definition
FROM pg_catalog.pg_constraint c
WHERE c.conrelid = ANY(%(oids)s::oid[])
  AND (c.contype = 'c' AND c.convalidated OR c.contype = 'f' AND c.conparentid = 0)
ORDER BY c.conrelid, c.contype, c.conname
