-- Cancels a statement, if it is still the same. Parameters: pid, began, query_start. Least
-- privilege: the session's role, or pg_signal_backend; a superuser's needs a superuser.
SELECT pg_catalog.pg_cancel_backend(a.pid) AS sent
FROM pg_catalog.pg_stat_activity a
WHERE a.pid = %(pid)s AND a.backend_start = %(began)s AND a.state = 'active'
  AND a.query_start = %(query_start)s
