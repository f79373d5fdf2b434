-- How the tables %(oids)s store their rows, and what this role may read of them.
-- Least privilege: none.
SELECT c.oid::bigint,
       c.relnatts AS attributes, greatest(0, c.relpages - c.relallvisible) AS unseen_blocks,
       coalesce(m.amname, 'heap') AS access_method,
       CASE WHEN c.reltoastrelid = 0 THEN NULL ELSE c.reltoastrelid::bigint END AS toast,
       pg_catalog.has_table_privilege(c.oid, 'SELECT')
           AND pg_catalog.has_schema_privilege(c.relnamespace, 'USAGE') AS readable,
       pg_catalog.row_security_active(c.oid) AS row_security,
       EXISTS (
           SELECT FROM pg_catalog.pg_index x
           WHERE x.indrelid = c.oid AND x.indisunique AND x.indisvalid AND x.indimmediate
             AND x.indpred IS NULL AND x.indexprs IS NULL
             AND NOT EXISTS (
                 SELECT FROM pg_catalog.pg_attribute k
                 WHERE k.attrelid = c.oid AND NOT k.attnotnull
                   AND k.attnum = ANY (x.indkey[0:x.indnkeyatts - 1]))
       ) AS identity
FROM pg_catalog.pg_class c
LEFT JOIN pg_catalog.pg_am m ON m.oid = c.relam
WHERE c.oid = ANY (%(oids)s::oid[])
