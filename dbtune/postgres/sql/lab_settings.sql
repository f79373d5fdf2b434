-- Settings that plans depend on. Least privilege: none.
SELECT
    s.name::text AS name,
    s.setting || CASE WHEN s.unit <> '8kB' THEN s.unit ELSE '' END AS value,
    s.setting IS DISTINCT FROM s.boot_val AS changed
FROM pg_catalog.pg_settings s
WHERE s.category LIKE 'Query Tuning%'
   OR s.name IN ('work_mem', 'hash_mem_multiplier', 'max_parallel_workers_per_gather',
                 'max_parallel_workers', 'parallel_leader_participation')
ORDER BY s.name
