-- Collations by number or by name. Least privilege: none.
SELECT
    c.oid::bigint AS oid,
    n.nspname::text AS schema,
    c.collname::text AS name,
    c.collprovider::text AS provider,
    COALESCE(c.collcollate::text, pg_catalog.to_jsonb(c) ->> 'colllocale',
             pg_catalog.to_jsonb(c) ->> 'colliculocale', '') AS locale,
    c.collisdeterministic AS deterministic
FROM pg_catalog.pg_collation c
JOIN pg_catalog.pg_namespace n ON n.oid = c.collnamespace
WHERE c.oid = ANY(%(oids)s::oid[]) OR c.collname = ANY(%(names)s::text[])
ORDER BY c.oid
