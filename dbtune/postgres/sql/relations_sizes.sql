-- Sizes of main files. Parameter: oids of tables and indexes. Least privilege: none. Each is
-- locked as a SELECT does, and its length asked of the file system. NULL if it was dropped.
SELECT
    o.oid,
    pg_catalog.pg_relation_size(o.oid::pg_catalog.regclass) AS bytes
FROM unnest(%(oids)s::oid[]) AS o(oid)
