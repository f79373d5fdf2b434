-- Checkpoints and writers, one row, PostgreSQL 17 and later. Least privilege: none.
SELECT
    pg_catalog.clock_timestamp() AS at, c.num_timed AS timed, c.num_requested AS requested,
    c.write_time AS write_ms, c.sync_time AS sync_ms,
    c.buffers_written AS buffers_checkpointer, b.buffers_clean AS buffers_cleaner,
    b.maxwritten_clean AS cleaner_stopped, c.stats_reset,
    (SELECT s.setting::bigint * 1048576 FROM pg_catalog.pg_settings s WHERE s.name = 'max_wal_size')
        AS max_wal_bytes,
    (SELECT s.setting::float8 FROM pg_catalog.pg_settings s WHERE s.name = 'checkpoint_timeout')
        AS timeout_seconds
FROM pg_catalog.pg_stat_checkpointer c CROSS JOIN pg_catalog.pg_stat_bgwriter b
