-- Of objects with these names: what this role lacks, and whether pg_monitor has it. Those
-- of the longest name, as a name may be a word of the message, too. Least privilege: none.
SELECT d.lacks, d.kind, pg_catalog.string_agg(d.object, ', ' ORDER BY d.object) AS objects,
    d.monitored
FROM (
    SELECT c.relname AS name, '' AS kind,
        pg_catalog.format('%%I.%%I', n.nspname, c.relname) AS object,
        pg_catalog.array_to_string(
            ARRAY(
                SELECT w.privilege FROM pg_catalog.unnest(%(wanted)s::text[]) w(privilege)
                WHERE NOT pg_catalog.has_table_privilege(c.oid, w.privilege)
            ),
            ', '
        ) AS lacks,
        %(wanted)s::text[] = '{SELECT}'
            AND pg_catalog.has_table_privilege('pg_monitor', c.oid, 'SELECT') AS monitored
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relname = ANY (%(said)s::text[])
        AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
        AND (pg_catalog.pg_table_is_visible(c.oid) OR n.nspname = ANY (%(named)s::text[]))
    UNION ALL
    SELECT n.nspname, 'SCHEMA ', pg_catalog.quote_ident(n.nspname), 'USAGE', false
    FROM pg_catalog.pg_namespace n
    WHERE n.nspname = ANY (%(said)s::text[])
        AND NOT pg_catalog.has_schema_privilege(n.oid, 'USAGE')
    UNION ALL
    SELECT p.proname, 'FUNCTION ',
        pg_catalog.format(
            '%%I.%%I(%%s)', n.nspname, p.proname, pg_catalog.oidvectortypes(p.proargtypes)
        ),
        'EXECUTE',
        pg_catalog.has_function_privilege('pg_monitor', p.oid, 'EXECUTE')
    FROM pg_catalog.pg_proc p
    JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
    WHERE p.proname = ANY (%(said)s::text[]) AND p.proname = ANY (%(called)s::text[])
        AND (pg_catalog.pg_function_is_visible(p.oid) OR n.nspname = ANY (%(named)s::text[]))
        AND NOT pg_catalog.has_function_privilege(p.oid, 'EXECUTE')
) d
WHERE d.lacks <> ''
GROUP BY d.name, d.kind, d.lacks, d.monitored
ORDER BY pg_catalog.length(d.name::text) DESC, d.kind DESC
LIMIT 1
