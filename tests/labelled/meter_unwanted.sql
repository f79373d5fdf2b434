-- Statements that no index should be suggested for; see wanted.sql.

-- tiny table
SELECT id, plan FROM tenant WHERE region = 'r3';

-- tiny flags
SELECT name FROM feature_flag WHERE tenant_id = $1 AND enabled;

-- prepared key
SELECT * FROM meter WHERE id = $1;

-- prepared keys
SELECT id, title FROM work_order WHERE id = ANY($1);

-- unique citext
SELECT id FROM tenant WHERE slug = 'TENANT-77';

-- unique domain
SELECT id, name FROM technician WHERE email = 'TECH77@field.example';

-- exclusion constraint
SELECT tariff_id FROM contract WHERE meter_id = 4711 AND valid @> date '2020-05-05';

-- beginning of an index
SELECT sum(amount) FROM invoice_line WHERE meter_id = 4711;

-- order of an index
SELECT id, amount FROM invoice_line WHERE meter_id = $1 ORDER BY issued_at DESC LIMIT $2;

-- most are done
SELECT tenant_id, count(*) FROM work_order WHERE state = 'done' GROUP BY tenant_id;

-- most are there
SELECT id, comment FROM meter WHERE removed_at IS NULL AND last_seen IS NOT NULL;

-- a third
SELECT id, comment FROM meter WHERE kind <> 'power' AND tenant_id > 20;

-- all of a partition
SELECT count(*), sum(kwh) FROM reading WHERE at >= '2025-03-01' AND at < '2025-04-01';

-- all readings
SELECT source, quality, count(*) FROM reading GROUP BY 1, 2;

-- all of a materialised view
SELECT sum(kwh) / sum(n) FROM daily_usage WHERE n >= 0;

-- grouping sets
SELECT tenant_id, currency, sum(net) FROM invoice_line GROUP BY GROUPING SETS ((tenant_id), (currency), ());

-- two large tables
SELECT m.firmware, avg(l.amount) FROM meter m JOIN invoice_line l ON l.meter_id = m.id GROUP BY m.firmware;

-- stable function
SELECT count(*) FROM alarm WHERE is_peak(raised_at);

-- day of no zone
SELECT count(*) FROM alarm WHERE raised_at::date = '2024-05-05';

-- volatile order
SELECT id FROM site ORDER BY random() LIMIT 3;

-- constant in an array
SELECT id, name FROM technician WHERE 7 = ANY (skills);

-- function of a path
SELECT id FROM meter WHERE jsonb_path_exists(config, '$.channels[*] ? (@.obis == "1-0:77")');

-- anything
SELECT count(*) FROM site WHERE name LIKE '%';

-- one letter
SELECT count(*) FROM site WHERE name LIKE '%o%';

-- limit alone
SELECT * FROM access_log LIMIT 100;

-- insert or nothing
INSERT INTO tenant (id, slug, region, plan) VALUES ($1, $2, $3, $4) ON CONFLICT (slug) DO NOTHING;

-- plain insert
INSERT INTO access_log (at, tenant_id, route, ms, status) VALUES ($1, $2, $3, $4, $5);

-- update by key
UPDATE dispatch SET attempts = attempts + $1, locked_by = $2 WHERE id = $3;

-- delete of most
DELETE FROM login_token WHERE expires > '2025-02-01';

-- referential check
SELECT 1 FROM ONLY "public"."site" x WHERE "id" OPERATOR(pg_catalog.=) $1 FOR KEY SHARE OF x;

-- materialised first
WITH w AS MATERIALIZED (SELECT id, title, random() AS r FROM work_order) SELECT * FROM w WHERE r < 0.001;

-- window of all
SELECT id, amount, sum(amount) OVER (ORDER BY id) FROM invoice_line;

-- up the tree
WITH RECURSIVE up AS (SELECT id, path FROM site WHERE id = 77 UNION ALL SELECT s.id, s.path FROM site s JOIN up ON s.id = up.id - 1 WHERE up.id > 70) SELECT count(*) FROM up;

-- sample
SELECT avg(kwh) FROM reading TABLESAMPLE SYSTEM (1);

-- all but one
SELECT id, memo FROM invoice_line WHERE currency <> 'CHF' AND amount > 0.01;

-- no table
SELECT now() - interval '1 day', current_setting('app.tenant', true);
