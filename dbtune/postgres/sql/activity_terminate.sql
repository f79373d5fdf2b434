-- Ends a session, if it is still the same and has begun no other statement. Parameters: pid, began,
-- query_start. Least privilege: as of activity_cancel.
SELECT pg_catalog.pg_terminate_backend(a.pid) AS sent
FROM pg_catalog.pg_stat_activity a
WHERE a.pid = %(pid)s AND a.backend_start = %(began)s
  AND a.query_start IS NOT DISTINCT FROM %(query_start)s
