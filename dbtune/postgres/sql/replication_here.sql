-- What this server is in replication, one row. Least privilege: none; pg_stat_wal_receiver shows
-- its details with pg_read_all_stats only, its process always.
SELECT
    pg_catalog.pg_is_in_recovery() AS standby,
    EXISTS (SELECT FROM pg_catalog.pg_stat_wal_receiver) AS streaming,
    CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_is_wal_replay_paused()
         ELSE false END AS paused,
    CASE WHEN pg_catalog.pg_is_in_recovery() THEN
        pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_last_wal_receive_lsn(),
                                   pg_catalog.pg_last_wal_replay_lsn())::bigint END AS replay_lag_bytes,
    EXTRACT(epoch FROM pg_catalog.now() - pg_catalog.pg_last_xact_replay_timestamp())::float8
        AS last_replay_seconds,
    pg_catalog.current_setting('synchronous_standby_names') AS synchronous_names,
    (SELECT s.setting::bigint * 1048576 FROM pg_catalog.pg_settings s
     WHERE s.name = 'max_slot_wal_keep_size') AS keep_bytes
