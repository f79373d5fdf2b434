-- Settings on freezing, and the next transaction id; on a standby the last that was replayed.
-- Least privilege: none.
SELECT
    pg_catalog.current_setting('autovacuum_freeze_max_age')::int AS freeze_max_age,
    pg_catalog.current_setting('autovacuum_multixact_freeze_max_age')::int AS multixact_freeze_max_age,
    pg_catalog.clock_timestamp() AS at,
    pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::text::bigint AS next_xid
