-- Sizes, rows, options and counters of the relations of this database that are at least
-- %(min_bytes)s large, and of the tables that they belong to. Least privilege: none.
-- Temporary relations are left out: they belong to other sessions. A relation under an ACCESS
-- EXCLUSIVE lock, or waited for with one, is not touched; its size is what relpages says.
WITH RECURSIVE locked AS MATERIALIZED (
    SELECT DISTINCT l.relation
    FROM pg_catalog.pg_locks l
    JOIN pg_catalog.pg_database d ON d.oid = l.database
    WHERE l.mode = 'AccessExclusiveLock' AND l.locktype = 'relation'
      AND d.datname = current_database()
), listed AS MATERIALIZED (
    SELECT c.oid, c.relname, c.relnamespace, c.relkind, c.relpages, c.reltuples, c.relispartition,
           c.reloptions, c.relfrozenxid, c.relminmxid,
           coalesce(x.indrelid, t.oid, c.oid) AS owner,
           l.relation IS NOT NULL AS locked,
           CASE WHEN l.relation IS NOT NULL THEN c.relpages::bigint * b.bytes
                ELSE coalesce(pg_catalog.pg_relation_size(c.oid), 0) END AS size_bytes
    FROM pg_catalog.pg_class c
    CROSS JOIN (SELECT pg_catalog.current_setting('block_size')::bigint AS bytes) b
    LEFT JOIN locked l ON l.relation = c.oid
    LEFT JOIN pg_catalog.pg_index x ON x.indexrelid = c.oid AND c.relkind = 'i'
    LEFT JOIN pg_catalog.pg_class t ON t.reltoastrelid = c.oid AND c.relkind = 't'
    WHERE c.relkind IN ('r', 'm', 't', 'i') AND c.relpersistence <> 't'
), mine AS MATERIALIZED (
    SELECT s.*, coalesce(o.relname, s.relname) AS table_name, n.nspname AS table_schema,
           coalesce(o.relispartition, false) AS is_partition,
           coalesce(i.indrelid, s.owner) AS table_oid
    FROM listed s
    -- An index of a TOAST table belongs to the table that the TOAST table belongs to.
    LEFT JOIN pg_catalog.pg_class w ON w.oid = s.owner
    LEFT JOIN LATERAL (
        SELECT p.oid AS indrelid FROM pg_catalog.pg_class p
        WHERE w.relkind = 't' AND p.reltoastrelid = w.oid
    ) i ON true
    LEFT JOIN pg_catalog.pg_class o ON o.oid = coalesce(i.indrelid, s.owner)
    LEFT JOIN pg_catalog.pg_namespace n ON n.oid = o.relnamespace
    WHERE NOT coalesce(pg_catalog.pg_is_other_temp_schema(o.relnamespace), false)
      AND (%(schemas)s::text[] IS NULL OR n.nspname = ANY (%(schemas)s::text[]))
), large AS MATERIALIZED (
    SELECT * FROM mine WHERE size_bytes >= %(min_bytes)s
), wanted AS MATERIALIZED (
    SELECT m.*, m.size_bytes >= %(min_bytes)s AS examined
    FROM mine m
    WHERE m.size_bytes >= %(min_bytes)s
       OR m.oid IN (SELECT table_oid FROM large)
       OR m.oid IN (SELECT owner FROM large)
), roots AS (
    SELECT DISTINCT table_oid AS oid, table_oid AS top FROM wanted WHERE is_partition
    UNION ALL
    SELECT r.oid, h.inhparent FROM roots r JOIN pg_catalog.pg_inherits h ON h.inhrelid = r.top
), top AS (
    -- The last step up is the one whose parent has none.
    SELECT r.oid, r.top FROM roots r
    WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_inherits h WHERE h.inhrelid = r.top)
), small AS (
    SELECT count(*) AS number, coalesce(sum(size_bytes), 0) AS bytes
    FROM mine WHERE size_bytes < %(min_bytes)s AND size_bytes > 0
)
SELECT w.oid::bigint, n.nspname AS schema, w.relname AS name, w.relkind::text AS kind, w.size_bytes,
       w.owner::bigint AS owner, w.table_oid::bigint AS table_oid,
       coalesce(t.top, w.table_oid)::bigint AS root,
       rn.nspname AS root_schema, rc.relname AS root_name,
       CASE WHEN w.reltuples < 0 OR (w.reltuples = 0 AND w.relpages = 0) THEN NULL
            ELSE w.reltuples END AS rows,
       w.relpages AS pages, w.reloptions AS options, w.examined, w.locked,
       w.table_schema = 'pg_catalog' OR w.table_schema = 'information_schema' AS catalog,
       CASE WHEN w.relkind = 'i' THEN NULL ELSE pg_catalog.age(w.relfrozenxid) END AS frozen_age,
       CASE WHEN w.relkind = 'i' THEN NULL ELSE pg_catalog.mxid_age(w.relminmxid) END
           AS multixact_age,
       pg_catalog.pg_stat_get_live_tuples(w.oid) AS live,
       pg_catalog.pg_stat_get_dead_tuples(w.oid) AS dead,
       pg_catalog.pg_stat_get_mod_since_analyze(w.oid) AS modified,
       pg_catalog.pg_stat_get_tuples_inserted(w.oid) AS inserted,
       pg_catalog.pg_stat_get_tuples_updated(w.oid) AS updated,
       pg_catalog.pg_stat_get_tuples_deleted(w.oid) AS deleted,
       pg_catalog.pg_stat_get_tuples_hot_updated(w.oid) AS hot_updated,
       pg_catalog.pg_stat_get_ins_since_vacuum(w.oid) AS inserted_since_vacuum,
       pg_catalog.pg_stat_get_vacuum_count(w.oid) AS vacuums,
       pg_catalog.pg_stat_get_autovacuum_count(w.oid) AS autovacuums,
       pg_catalog.pg_stat_get_last_vacuum_time(w.oid) AS last_vacuum,
       pg_catalog.pg_stat_get_last_autovacuum_time(w.oid) AS last_autovacuum,
       greatest(pg_catalog.pg_stat_get_last_analyze_time(w.oid),
                pg_catalog.pg_stat_get_last_autoanalyze_time(w.oid)) AS last_analyze,
       s.number AS small_count, s.bytes::bigint AS small_bytes
FROM small s
LEFT JOIN wanted w ON true
LEFT JOIN pg_catalog.pg_namespace n ON n.oid = w.relnamespace
LEFT JOIN top t ON t.oid = w.table_oid
LEFT JOIN pg_catalog.pg_class rc ON rc.oid = coalesce(t.top, w.table_oid)
LEFT JOIN pg_catalog.pg_namespace rn ON rn.oid = rc.relnamespace
