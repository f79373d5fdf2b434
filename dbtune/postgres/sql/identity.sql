-- The cluster's identifier, as text since it has 64 bits, and the database's number.
-- Least privilege: none.
SELECT c.system_identifier::text AS system_identifier,
       (SELECT d.oid::bigint FROM pg_catalog.pg_database d
        WHERE d.datname = pg_catalog.current_database()) AS database_oid
FROM pg_catalog.pg_control_system() c
