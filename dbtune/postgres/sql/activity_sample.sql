-- One sample of what runs now. Least privilege: none for one's own sessions; the others' statements
-- are shown to pg_read_all_stats (part of pg_monitor), as NULL or '<insufficient privilege>' else.
SELECT a.pid, a.datname::text AS database, a.usename::text AS username, a.state,
       a.wait_event_type, a.wait_event, a.query, a.query_start, a.backend_start
FROM pg_catalog.pg_stat_activity a
WHERE a.backend_type = 'client backend'
  AND a.pid <> pg_catalog.pg_backend_pid()
  AND a.application_name IS DISTINCT FROM 'dbtune'
  AND (a.state IS NULL OR a.state <> 'idle')
