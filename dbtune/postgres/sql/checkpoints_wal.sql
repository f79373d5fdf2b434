-- WAL counters, PostgreSQL 14 and later. Least privilege: none.
SELECT w.wal_bytes::float8 AS wal_bytes, w.wal_fpi AS wal_full_pages, w.wal_buffers_full
FROM pg_catalog.pg_stat_wal w
