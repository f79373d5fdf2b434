-- An index by its name, and its size. Parameters: schema, name. Least privilege: none.
SELECT
    c.oid,
    x.indisvalid AS valid,
    EXISTS (
        SELECT FROM pg_catalog.pg_stat_progress_create_index p WHERE p.index_relid = c.oid
    ) AS building,
    pg_catalog.pg_relation_size(c.oid::pg_catalog.regclass) AS bytes
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_index x ON x.indexrelid = c.oid
WHERE n.nspname = %(schema)s
  AND c.relname = %(name)s
