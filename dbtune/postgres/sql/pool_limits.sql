-- Connections that the server allows, in one row. Least privilege: none.
-- reserved_connections is NULL before PostgreSQL 16, which does not have it.
SELECT pg_catalog.current_setting('max_connections')::int AS max_connections,
       pg_catalog.current_setting('superuser_reserved_connections')::int AS superuser_reserved,
       pg_catalog.current_setting('reserved_connections', true)::int AS reserved_connections
