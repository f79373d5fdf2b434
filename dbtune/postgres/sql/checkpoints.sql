-- Checkpoints and writers, one row, up to PostgreSQL 16. Least privilege: none.
SELECT
    pg_catalog.clock_timestamp() AS at, b.checkpoints_timed AS timed, b.checkpoints_req AS requested,
    b.checkpoint_write_time AS write_ms, b.checkpoint_sync_time AS sync_ms,
    b.buffers_checkpoint AS buffers_checkpointer, b.buffers_clean AS buffers_cleaner,
    b.maxwritten_clean AS cleaner_stopped, b.buffers_backend, b.buffers_backend_fsync AS backend_fsyncs,
    b.stats_reset,
    (SELECT s.setting::bigint * 1048576 FROM pg_catalog.pg_settings s WHERE s.name = 'max_wal_size')
        AS max_wal_bytes,
    (SELECT s.setting::float8 FROM pg_catalog.pg_settings s WHERE s.name = 'checkpoint_timeout')
        AS timeout_seconds
FROM pg_catalog.pg_stat_bgwriter b
