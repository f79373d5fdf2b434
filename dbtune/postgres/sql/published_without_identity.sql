-- Tables whose updates or deletes are published although nothing identifies a row: those statements
-- fail. Least privilege: none.
SELECT n.nspname::text AS schema, n.nspname || '.' || c.relname AS "table", min(p.pubname)::text AS publication,
       CASE c.relreplident WHEN 'n' THEN 'nothing' ELSE 'default' END AS identity
FROM pg_catalog.pg_publication p
JOIN LATERAL pg_catalog.pg_get_publication_tables(p.pubname) t ON true
JOIN pg_catalog.pg_class c ON c.oid = t.relid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE (p.pubupdate OR p.pubdelete)
  AND (c.relreplident = 'n'
       OR c.relreplident = 'd' AND NOT EXISTS (
           SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indisprimary))
GROUP BY 1, 2, 4
ORDER BY 2
LIMIT 200
