-- Replication slots. Least privilege: none. Columns of later versions come through to_jsonb.
SELECT
    s.slot_name::text AS name, s.slot_type AS kind, COALESCE(s.database::text, '') AS database,
    s.active, COALESCE(s.wal_status, '') AS wal_status,
    pg_catalog.pg_wal_lsn_diff(here.lsn, s.restart_lsn)::bigint AS retained_bytes,
    s.safe_wal_size AS safe_bytes,
    GREATEST(pg_catalog.age(s.xmin), pg_catalog.age(s.catalog_xmin))::int AS xmin_age,
    EXTRACT(epoch FROM pg_catalog.now()
            - (pg_catalog.to_jsonb(s) ->> 'inactive_since')::timestamptz)::float8 AS inactive_seconds,
    pg_catalog.to_jsonb(s) AS extra
FROM pg_catalog.pg_replication_slots s
CROSS JOIN (SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()
                        ELSE pg_catalog.pg_current_wal_lsn() END AS lsn) AS here
ORDER BY 1
