-- Active client backends by what they wait for; NULL stands for sessions whose state is hidden.
-- Least privilege: none.
SELECT CASE WHEN a.state IS NULL THEN NULL
            ELSE COALESCE(a.wait_event_type || ':' || a.wait_event, 'CPU') END AS wait,
       count(*)::int AS sessions
FROM pg_catalog.pg_stat_activity a
WHERE COALESCE(a.backend_type, 'client backend') = 'client backend'
  AND a.datid IS NOT NULL
  AND a.pid <> pg_catalog.pg_backend_pid()
  AND (a.state IS NULL OR a.state = 'active')
GROUP BY 1
ORDER BY 2 DESC, 1
