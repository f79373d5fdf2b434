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
), known AS MATERIALIZED (
    -- Few columns: this is held for every relation there is.
    SELECT c.oid, c.relkind, c.relnamespace,
           coalesce(x.indrelid, t.oid, c.oid) AS owner,
           -- An index of a TOAST table belongs to the table that the TOAST table belongs to.
           coalesce(u.oid, x.indrelid, t.oid, c.oid) AS table_oid,
           l.relation IS NOT NULL AS locked,
           c.relpages = 0 AS unvisited,
           c.relpages::bigint * b.bytes AS catalog_bytes,
           -- Rows changed since relpages was set, as large as the others were and more.
           pg_catalog.pg_stat_get_mod_since_analyze(coalesce(x.indrelid, c.oid))
           * CASE WHEN c.relpages > 0 AND c.reltuples > 0
                  THEN 3 * c.relpages * b.bytes / c.reltuples ELSE 2000 END AS grown_bytes
    FROM pg_catalog.pg_class c
    CROSS JOIN (SELECT pg_catalog.current_setting('block_size')::bigint AS bytes) b
    LEFT JOIN locked l ON l.relation = c.oid
    LEFT JOIN pg_catalog.pg_index x ON x.indexrelid = c.oid AND c.relkind = 'i'
    LEFT JOIN pg_catalog.pg_class t ON t.reltoastrelid = c.oid AND c.relkind = 't'
    LEFT JOIN pg_catalog.pg_class u ON u.reltoastrelid = x.indrelid
    WHERE c.relkind IN ('r', 'm', 't', 'i') AND c.relpersistence <> 't'
), asked AS MATERIALIZED (
    -- To ask for a relation's size makes the server open it and keep that in its memory, some
    -- kilobytes each: what is surely small is not asked for, and never more than the largest.
    SELECT k.oid FROM known k
    WHERE NOT k.locked
      AND (k.catalog_bytes + k.grown_bytes >= %(min_bytes)s / 2
           OR (k.unvisited AND pg_catalog.pg_stat_get_tuples_inserted(k.table_oid) = 0
               AND pg_catalog.pg_stat_get_last_analyze_time(k.table_oid) IS NULL
               AND pg_catalog.pg_stat_get_last_autoanalyze_time(k.table_oid) IS NULL
               AND pg_catalog.pg_stat_get_last_vacuum_time(k.table_oid) IS NULL
               AND pg_catalog.pg_stat_get_last_autovacuum_time(k.table_oid) IS NULL))
    ORDER BY k.catalog_bytes + k.grown_bytes DESC
    LIMIT %(most)s
), sized AS MATERIALIZED (
    SELECT k.oid, k.owner, k.table_oid, k.locked, o.relispartition, n.nspname AS table_schema,
           coalesce(CASE WHEN a.oid IS NOT NULL THEN pg_catalog.pg_relation_size(k.oid) END,
                    k.catalog_bytes) AS size_bytes
    FROM known k
    LEFT JOIN asked a ON a.oid = k.oid
    JOIN pg_catalog.pg_class o ON o.oid = k.table_oid
    JOIN pg_catalog.pg_namespace n ON n.oid = o.relnamespace
    WHERE NOT pg_catalog.pg_is_other_temp_schema(o.relnamespace)
      AND (%(schemas)s::text[] IS NULL OR n.nspname = ANY (%(schemas)s::text[]))
), large AS MATERIALIZED (
    SELECT s.owner, s.table_oid FROM sized s WHERE s.size_bytes >= %(min_bytes)s
), wanted AS MATERIALIZED (
    SELECT s.*, s.size_bytes >= %(min_bytes)s AS examined
    FROM sized s
    WHERE s.size_bytes >= %(min_bytes)s
       OR s.oid IN (SELECT table_oid FROM large)
       OR s.oid IN (SELECT owner FROM large)
), roots AS (
    SELECT DISTINCT table_oid AS oid, table_oid AS top FROM wanted WHERE relispartition
    UNION ALL
    SELECT r.oid, h.inhparent FROM roots r JOIN pg_catalog.pg_inherits h ON h.inhrelid = r.top
), topmost AS (
    SELECT r.oid, r.top FROM roots r
    WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_inherits h WHERE h.inhrelid = r.top)
), small AS (
    SELECT count(*) AS number, coalesce(sum(size_bytes), 0) AS bytes
    FROM sized WHERE size_bytes < %(min_bytes)s AND size_bytes > 0
)
SELECT w.oid::bigint, n.nspname AS schema, c.relname AS name, c.relkind::text AS kind, w.size_bytes,
       w.owner::bigint AS owner, w.table_oid::bigint AS table_oid,
       coalesce(t.top, w.table_oid)::bigint AS root,
       rn.nspname AS root_schema, rc.relname AS root_name,
       CASE WHEN c.reltuples < 0 OR (c.reltuples = 0 AND c.relpages = 0) THEN NULL
            ELSE c.reltuples END AS rows,
       c.relpages AS pages, c.reloptions AS options, w.examined, w.locked,
       w.table_schema IN ('pg_catalog', 'information_schema') AS catalog,
       CASE WHEN c.relkind <> 'i' THEN pg_catalog.age(c.relfrozenxid) END AS frozen_age,
       CASE WHEN c.relkind <> 'i' THEN pg_catalog.mxid_age(c.relminmxid) END AS multixact_age,
       pg_catalog.pg_stat_get_live_tuples(w.oid) AS live,
       pg_catalog.pg_stat_get_dead_tuples(w.oid) AS dead,
       pg_catalog.pg_stat_get_mod_since_analyze(w.oid) AS modified,
       pg_catalog.pg_stat_get_tuples_inserted(w.oid) AS inserted,
       pg_catalog.pg_stat_get_tuples_updated(w.oid) AS updated,
       pg_catalog.pg_stat_get_tuples_deleted(w.oid) AS deleted,
       pg_catalog.pg_stat_get_tuples_hot_updated(w.oid) AS hot_updated,
       pg_catalog.pg_stat_get_vacuum_count(w.oid) AS vacuums,
       pg_catalog.pg_stat_get_autovacuum_count(w.oid) AS autovacuums,
       pg_catalog.pg_stat_get_last_vacuum_time(w.oid) AS last_vacuum,
       pg_catalog.pg_stat_get_last_autovacuum_time(w.oid) AS last_autovacuum,
       greatest(pg_catalog.pg_stat_get_last_analyze_time(w.oid),
                pg_catalog.pg_stat_get_last_autoanalyze_time(w.oid)) AS last_analyze,
       s.number AS small_count, s.bytes::bigint AS small_bytes
FROM small s
LEFT JOIN wanted w ON true
LEFT JOIN pg_catalog.pg_class c ON c.oid = w.oid
LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN topmost t ON t.oid = w.table_oid
LEFT JOIN pg_catalog.pg_class rc ON rc.oid = coalesce(t.top, w.table_oid)
LEFT JOIN pg_catalog.pg_namespace rn ON rn.oid = rc.relnamespace
