-- Functions and aggregates by name, or all but extensions'. Least privilege: none.
SELECT
    p.oid::bigint AS oid,
    n.nspname::text AS schema,
    p.proname::text AS name,
    p.prokind::text AS kind,
    l.lanname::text AS language,
    pg_catalog.pg_get_function_arguments(p.oid) AS arguments,
    pg_catalog.pg_get_function_identity_arguments(p.oid) AS identity_arguments,
    COALESCE(pg_catalog.pg_get_function_result(p.oid), '') AS result,
    p.prosrc AS source,
    COALESCE(pg_catalog.pg_get_function_sqlbody(p.oid), '') AS body,
    p.provolatile::text AS volatility,
    p.proparallel::text AS parallel,
    p.proisstrict AS strict,
    p.prosecdef AS security_definer,
    p.proconfig IS NOT NULL AS has_settings,
    p.procost::float8 AS cost,
    p.prorows::float8 AS rows,
    COALESCE(a.aggtransfn::pg_catalog.regproc::text, '') AS transition,
    COALESCE(pg_catalog.format_type(a.aggtranstype, NULL), '') AS state,
    a.agginitval AS initial,
    COALESCE(NULLIF(a.aggfinalfn::oid, 0)::pg_catalog.regproc::text, '') AS final,
    ARRAY(SELECT DISTINCT x FROM pg_catalog.unnest(
              ARRAY[p.prorettype::bigint] || p.proargtypes::oid[]::bigint[]) AS x) AS types,
    e.extname::text AS extension
FROM pg_catalog.pg_proc p
JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
JOIN pg_catalog.pg_language l ON l.oid = p.prolang
LEFT JOIN pg_catalog.pg_aggregate a ON a.aggfnoid = p.oid
LEFT JOIN pg_catalog.pg_depend d
  ON d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid = p.oid
 AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND d.deptype = 'e'
LEFT JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
WHERE (p.proname = ANY(%(names)s::text[]) OR %(all)s AND e.oid IS NULL)
  AND p.prokind IN ('f', 'a')
  AND n.nspname NOT IN ('pg_catalog', 'information_schema')
ORDER BY p.oid
