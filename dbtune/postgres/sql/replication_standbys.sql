-- Who receives from this server. Least privilege: pg_read_all_stats for anything but names.
SELECT
    COALESCE(r.application_name, '') AS application, COALESCE(pg_catalog.host(r.client_addr), '') AS client,
    COALESCE(r.state, '') AS state, COALESCE(r.sync_state, '') AS sync_state,
    pg_catalog.pg_wal_lsn_diff(here.lsn, r.sent_lsn)::bigint AS sent_lag_bytes,
    pg_catalog.pg_wal_lsn_diff(here.lsn, r.replay_lsn)::bigint AS replay_lag_bytes,
    EXTRACT(epoch FROM r.replay_lag)::float8 AS replay_lag_seconds,
    pg_catalog.age(r.backend_xmin)::int AS xmin_age
FROM pg_catalog.pg_stat_replication r
CROSS JOIN (SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()
                        ELSE pg_catalog.pg_current_wal_lsn() END AS lsn) AS here
ORDER BY 1, 2, r.pid
