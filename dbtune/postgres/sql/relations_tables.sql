-- Tables, partitioned and foreign tables, materialised views: no system schemas, no temporary ones.
-- Parameters: schemas (or NULL), tables (name or schema.name, or NULL: with their partitions),
-- count. Largest first, behind the partitioned ones, which have no pages. Least privilege: none.
WITH RECURSIVE wanted AS (
    SELECT c.oid
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'm', 'f')
      AND c.relpersistence <> 't'
      AND n.nspname NOT LIKE 'pg\_%%'
      AND n.nspname <> 'information_schema'
      AND (%(schemas)s::text[] IS NULL OR n.nspname = ANY (%(schemas)s::text[]))
      AND (%(tables)s::text[] IS NULL
           OR c.relname = ANY (%(tables)s::text[])
           OR n.nspname || '.' || c.relname = ANY (%(tables)s::text[]))
    UNION
    SELECT i.inhrelid
    FROM wanted w
    JOIN pg_catalog.pg_inherits i ON i.inhparent = w.oid
    WHERE %(tables)s::text[] IS NOT NULL
)
SELECT
    c.oid,
    n.nspname::text AS schema,
    c.relname::text AS name,
    c.relkind::text AS kind,
    c.relpersistence::text AS persistence,
    c.reltuples AS rows,
    c.relpages AS pages,
    c.relallvisible AS all_visible_pages,
    c.relreplident::text AS replica_identity,
    c.reltoastrelid AS toast,
    (SELECT x.indexrelid FROM pg_catalog.pg_index x
     WHERE x.indrelid = c.reltoastrelid AND c.reltoastrelid <> 0 LIMIT 1) AS toast_index,
    CASE WHEN c.relkind = 'p' THEN pg_catalog.pg_get_partkeydef(c.oid) END AS partition_key,
    c.reloptions AS options,
    (SELECT i.inhparent FROM pg_catalog.pg_inherits i
     WHERE i.inhrelid = c.oid AND c.relispartition) AS parent,
    (SELECT e.extname::text FROM pg_catalog.pg_depend d
     JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
     WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid
       AND d.objsubid = 0 AND d.deptype = 'e') AS extension
FROM wanted w
JOIN pg_catalog.pg_class c ON c.oid = w.oid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
ORDER BY c.relkind = 'p' DESC, c.relpages DESC, c.oid
LIMIT %(count)s
