-- Buffers that client backends wrote and flushed themselves, PostgreSQL 16 and later; bulk writes
-- (COPY, CREATE TABLE AS) by ring buffers are meant to be written so. Least privilege: none.
SELECT sum(i.writes)::float8 AS buffers_backend, sum(i.fsyncs)::float8 AS backend_fsyncs
FROM pg_catalog.pg_stat_io i
WHERE i.backend_type = 'client backend' AND i.object = 'relation' AND i.context = 'normal'
