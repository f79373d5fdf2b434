-- The schemas in which the session's role looks up names, in order. Least privilege: none.
SELECT s.name::text AS schema
FROM pg_catalog.unnest(pg_catalog.current_schemas(false)) WITH ORDINALITY AS s(name, place)
ORDER BY s.place
