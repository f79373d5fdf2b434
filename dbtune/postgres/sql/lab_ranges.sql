-- Statistics of columns of range types, which pg_stats shows since PostgreSQL 17 only.
-- Least privilege: pg_read_all_data (PostgreSQL 14), or superuser.
SELECT
    s.starelid::bigint AS relation,
    a.attname::text AS name,
    s.stainherit AS inherited,
    CASE 6 WHEN s.stakind1 THEN s.stavalues1::text WHEN s.stakind2 THEN s.stavalues2::text
        WHEN s.stakind3 THEN s.stavalues3::text WHEN s.stakind4 THEN s.stavalues4::text
        WHEN s.stakind5 THEN s.stavalues5::text END AS range_length_histogram,
    CASE 6 WHEN s.stakind1 THEN s.stanumbers1[1] WHEN s.stakind2 THEN s.stanumbers2[1]
        WHEN s.stakind3 THEN s.stanumbers3[1] WHEN s.stakind4 THEN s.stanumbers4[1]
        WHEN s.stakind5 THEN s.stanumbers5[1] END AS range_empty_frac,
    CASE 7 WHEN s.stakind1 THEN s.stavalues1::text WHEN s.stakind2 THEN s.stavalues2::text
        WHEN s.stakind3 THEN s.stavalues3::text WHEN s.stakind4 THEN s.stavalues4::text
        WHEN s.stakind5 THEN s.stavalues5::text END AS range_bounds_histogram
FROM pg_catalog.pg_statistic s
JOIN pg_catalog.pg_attribute a ON a.attrelid = s.starelid AND a.attnum = s.staattnum
WHERE s.starelid = ANY(%(oids)s::oid[])
  AND 6 IN (s.stakind1, s.stakind2, s.stakind3, s.stakind4, s.stakind5)
ORDER BY s.starelid, s.staattnum
