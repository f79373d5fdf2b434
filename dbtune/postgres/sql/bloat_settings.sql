-- The server's clock and what it is set to. Least privilege: none.
SELECT now() AS at, current_database()::text AS database,
       pg_catalog.pg_is_in_recovery() AS standby,
       (SELECT d.stats_reset FROM pg_catalog.pg_stat_database d
        WHERE d.datname = current_database()) AS stats_since,
       (SELECT jsonb_object_agg(s.name, s.setting) FROM pg_catalog.pg_settings s
        WHERE s.name LIKE '%autovacuum%' OR s.name LIKE 'vacuum%' OR s.name = 'track_counts'
           OR s.name IN ('block_size', 'old_snapshot_threshold', 'hot_standby_feedback',
                         'idle_in_transaction_session_timeout')) AS settings
