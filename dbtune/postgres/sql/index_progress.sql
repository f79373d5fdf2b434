-- How far an index build is. Parameter: pid of the backend. Least privilege: the same role as the
-- builder's, or pg_read_all_stats.
SELECT
    p.phase,
    p.blocks_total,
    p.blocks_done,
    p.tuples_total,
    p.tuples_done,
    p.lockers_total,
    p.lockers_done,
    p.current_locker_pid,
    pg_catalog.pg_blocking_pids(p.pid) AS blockers
FROM pg_catalog.pg_stat_progress_create_index p
WHERE p.pid = %(pid)s
