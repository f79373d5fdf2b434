-- Tables whose statistics this role may not see, or not all of. Parameter: oids. Least privilege:
-- none.
SELECT o.oid
FROM unnest(%(oids)s::oid[]) AS o(oid)
WHERE NOT pg_catalog.has_table_privilege(o.oid, 'SELECT')
   OR pg_catalog.row_security_active(o.oid)
