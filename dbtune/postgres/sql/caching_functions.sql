-- Functions of these names whose result may change although their arguments do not: volatile ones,
-- and stable ones that do not come with the server. Parameters: names. Least privilege: none.
SELECT DISTINCT p.proname::text AS name
FROM pg_catalog.pg_proc p
WHERE p.proname = ANY (%(names)s::text[])
  AND (p.provolatile = 'v'
       OR p.provolatile = 's' AND p.pronamespace <> 'pg_catalog'::pg_catalog.regnamespace)
