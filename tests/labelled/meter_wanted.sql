-- Statements whose best index is known, some as pg_stat_statements keeps them; see wanted.sql.

-- prepared equality
--: meter (serial...)...
SELECT * FROM meter WHERE serial = $1;

-- prepared tenant and state
--: work_order (tenant_id, state, created_at...)... | work_order (state, tenant_id, created_at...)... | work_order (tenant_id...) WHERE ...state...
SELECT id, title FROM work_order WHERE tenant_id = $1 AND state = $2 ORDER BY created_at DESC LIMIT $3;

-- prepared array
--: meter (site_id)...
SELECT * FROM meter WHERE site_id = ANY($1);

-- prepared list of 18
--: work_order (meter_id)... | work_order (meter_id, ...)...
SELECT id, state FROM work_order WHERE meter_id IN ($1 /*, ... */);

-- prepared keyset
--: invoice_line (tenant_id, issued_at, id)... | invoice_line (tenant_id, issued_at...)...
SELECT id, issued_at, amount FROM invoice_line WHERE tenant_id = $1 AND (issued_at, id) < ($2, $3) ORDER BY issued_at DESC, id DESC LIMIT $4;

-- last of partitions of partitions
--: reading (meter_id, at...)... | reading (meter_id)...
SELECT kwh, at FROM reading WHERE meter_id = 4711 ORDER BY at DESC LIMIT 1;

-- prepared range of partitions
--: reading (meter_id, at...)... | reading (meter_id)...
SELECT date_trunc($4, at), sum(kwh) FROM reading WHERE meter_id = $1 AND at >= $2 AND at < $3 GROUP BY 1;

-- rare quality of a month
--: reading (...) WHERE quality = 9... | reading (quality...)...
SELECT meter_id, at FROM reading WHERE quality = 9 AND at >= '2025-03-01' AND at < '2025-04-01';

-- parent of inheritance
--: alarm (meter_id)... | alarm (meter_id, ...)...
--: fault (meter_id)... | fault (meter_id, ...)...
SELECT id, raised_at, severity FROM incident WHERE meter_id = 4711;

-- child of inheritance
--: alarm (...) WHERE acknowledged_at IS NULL... | alarm (acknowledged_at...)...
SELECT id, meter_id, code FROM alarm WHERE acknowledged_at IS NULL ORDER BY raised_at;

-- generated column
--: invoice_line (net)... | invoice_line (net...)...
SELECT id, net FROM invoice_line WHERE net > 8050;

-- domain over citext
--: contract (signer)...
SELECT id, number FROM contract WHERE signer = 'signer77@mail.example';

-- below a node
--: site USING gist (path)
SELECT id, name FROM site WHERE path <@ 'root.r5.d77';

-- nodes by a pattern
--: site USING gist (path)
SELECT id, name FROM site WHERE path ~ '*.d81.*{1}';

-- integers contained
--: site USING gin (tags ...gin__int_ops) | site USING gist (tags ...gist__int...)
SELECT id, name FROM site WHERE tags @> ARRAY[77, 777];

-- integers by a query
--: site USING gin (tags ...gin__int_ops) | site USING gist (tags ...gist__int...)
SELECT id, name FROM site WHERE tags @@ '77 & 1077'::query_int;

-- part of a composite
--: site (((address).zip))... | site (...(address).zip...)...
SELECT id, name FROM site WHERE (address).zip = '08033';

-- anywhere in a name
--: site USING gin (name ...gin_trgm_ops) | site USING gist (name ...gist_trgm_ops)
SELECT id, name FROM site WHERE name ILIKE '%c4ca4%';

-- beginning in a collation
--: site (name text_pattern_ops) | site (name ...text_pattern_ops)...
SELECT id, name FROM site WHERE name LIKE 'Depot 471%';

-- beginning by a regular expression
--: meter (serial text_pattern_ops) | meter (serial ...text_pattern_ops)... | meter USING gin (serial ...gin_trgm_ops)
SELECT id FROM meter WHERE serial ~ '^EM000471';

-- number in a document
--: meter (...config ->> 'interval'...)...
SELECT id, serial FROM meter WHERE (config ->> 'interval')::int BETWEEN 1700 AND 1701;

-- text in a document
--: meter (...config ->> 'sim'...)... | meter USING gin (config ...)
SELECT id, serial FROM meter WHERE config ->> 'sim' = 'SIM4711' AND removed_at IS NULL;

-- nested containment
--: work_order USING gin (custom jsonb_path_ops)
SELECT id, title FROM work_order WHERE custom @> '{"asset": {"ref": "A4711"}}';

-- path with a filter
--: meter USING gin (config jsonb_path_ops)
SELECT id FROM meter WHERE config @? '$.channels[*] ? (@.obis == "1-0:4711")';

-- weighted words
--: work_order USING gin (doc)
SELECT id, title, ts_rank(doc, q) FROM work_order, to_tsquery('english', 'leak77:A & valve7:*A') q WHERE doc @@ q ORDER BY 3 DESC LIMIT 10;

-- slots of a technician
--: work_order (technician_id)... | work_order (technician_id, ...)... | work_order USING gist (technician_id, slot) | work_order USING gist (slot)
SELECT id, title, slot FROM work_order WHERE technician_id = 77 AND slot && tstzrange('2024-03-04', '2024-03-08');

-- slots at an instant
--: work_order USING gist (slot)
SELECT id, technician_id FROM work_order WHERE slot @> timestamptz '2024-03-04 10:00+00';

-- nulls last
--: work_order (closed_at DESC NULLS LAST)... | work_order (closed_at NULLS FIRST)...
SELECT id, title, closed_at FROM work_order ORDER BY closed_at DESC NULLS LAST LIMIT 25;

-- nulls first
--: work_order (priority NULLS FIRST, created_at)... | work_order (priority DESC NULLS LAST, created_at DESC)...
SELECT id, title FROM work_order ORDER BY priority NULLS FIRST, created_at LIMIT 40;

-- one or the other
--: meter (mac)...
--: meter (ip)...
SELECT id, serial FROM meter WHERE mac = '08:00:2b:c4:ca:42' OR ip = '10.77.9.12';

-- the first that is known
--: work_order ((COALESCE(closed_at, created_at)))...
SELECT id, title FROM work_order WHERE coalesce(closed_at, created_at) >= '2025-05-10';

-- day of a zone
--: work_order (...AT TIME ZONE...)...
SELECT count(*) FROM work_order WHERE (created_at AT TIME ZONE 'UTC')::date = '2025-03-03';

-- truncated to a day
--: invoice_line (...date_trunc...)...
SELECT tenant_id, sum(amount) FROM invoice_line WHERE date_trunc('day', issued_at) = '2023-04-01' GROUP BY 1;

-- newest of each
--: work_order (meter_id...)...
SELECT DISTINCT ON (meter_id) meter_id, id, state FROM work_order WHERE meter_id = ANY('{77,4711,80015,99123}') ORDER BY meter_id, created_at DESC;

-- lateral of a view
--: work_order (meter_id...)...
SELECT m.serial, w.title FROM meter m CROSS JOIN LATERAL (SELECT o.title FROM open_order o WHERE o.meter_id = m.id ORDER BY o.created_at DESC LIMIT 1) w WHERE m.id BETWEEN 700 AND 740;

-- window of few
--: work_order (technician_id...)...
SELECT * FROM (SELECT id, title, row_number() OVER (PARTITION BY technician_id ORDER BY created_at DESC) AS n FROM work_order WHERE technician_id IN (7, 77)) t WHERE n <= 3;

-- correlated in the list
--: work_order (meter_id...)...
--: meter (tenant_id...)...
SELECT m.serial, (SELECT max(w.created_at) FROM work_order w WHERE w.meter_id = m.id) FROM meter m WHERE m.tenant_id = 290 AND m.kind = 'gas';

-- union of kinds
--: alarm (meter_id)... | alarm (meter_id, ...)...
--: work_order (meter_id...)...
SELECT 'alarm', id, raised_at FROM alarm WHERE meter_id = 815 UNION SELECT 'order', id, created_at FROM work_order WHERE meter_id = 815;

-- insert of a select
--: dispatch (...) WHERE state = 'dead'... | dispatch (state...)...
INSERT INTO dead_dispatch SELECT * FROM dispatch WHERE state = 'dead' AND run_at < '2025-04-01';

-- update from values
--: invoice_line (ext_ref)... | invoice_line (ext_ref) WHERE ext_ref IS NOT NULL
UPDATE invoice_line AS l SET memo = v.memo FROM (VALUES ('ref-4711', 'x'), ('ref-815', 'y')) AS v (ref, memo) WHERE l.ext_ref = v.ref;

-- delete using
--: login_token (technician_id)... | login_token (technician_id, ...)...
DELETE FROM login_token USING technician t WHERE login_token.technician_id = t.id AND t.email = 'tech77@field.example';

-- merge by a reference
--: invoice_line (ext_ref)... | invoice_line (ext_ref) WHERE ext_ref IS NOT NULL
MERGE INTO invoice_line l USING (SELECT 'ref-' || n AS ref, n FROM generate_series(70, 75) n) s ON l.ext_ref = s.ref WHEN MATCHED THEN UPDATE SET memo = 'm' || s.n;

-- prepared queue
--: dispatch (...) WHERE state = 'ready'... | dispatch (queue, state...)... | dispatch (state, ...)...
SELECT id, payload FROM dispatch WHERE queue = $1 AND state = 'ready' AND run_at <= $2 ORDER BY priority DESC, run_at LIMIT 10 FOR UPDATE SKIP LOCKED;

-- take from a queue
--: dispatch (...) WHERE ...state = 'ready'... | dispatch (state...)...
UPDATE dispatch SET state = 'sent', locked_by = 'w1' WHERE id = (SELECT id FROM dispatch WHERE state = 'ready' ORDER BY priority DESC, run_at FOR UPDATE SKIP LOCKED LIMIT 1) RETURNING payload;

-- materialised
--: daily_usage (meter_id...)...
SELECT day, kwh FROM daily_usage WHERE meter_id = 77 ORDER BY day;

-- view of a view
--: work_order (technician_id...)...
SELECT * FROM technician_order WHERE technician_id = 77;

-- hour of a log
--: access_log USING brin (at)... | access_log (at)...
SELECT route, max(ms) FROM access_log WHERE at BETWEEN '2025-03-10 10:00+00' AND '2025-03-10 11:00+00' GROUP BY route;

-- newest of a tenant
--: invoice_line (tenant_id, issued_at...)...
SELECT max(issued_at) FROM invoice_line WHERE tenant_id = 7;

-- nearest
--: site USING gist (place) | site USING spgist (place)
SELECT id, name FROM site ORDER BY place <-> point(500, 77) LIMIT 5;

-- long token
--: login_token USING hash (token)
SELECT technician_id, expires FROM login_token WHERE token = 'tok:none';

-- rare states
--: work_order (...) WHERE state IN ('new', 'escalated')... | work_order (...) WHERE state ...'escalated'... | work_order (state...)...
SELECT id, title FROM work_order WHERE state IN ('new', 'escalated') AND priority = 4;

-- pairs
--: invoice_line (number, tenant_id)... | invoice_line (number)... | invoice_line (tenant_id, number)...
SELECT id, amount FROM invoice_line WHERE (tenant_id, number) IN ((7, 4711), (8, 815));

-- other side of a key
--: meter (site_id)... | meter (site_id, ...)...
SELECT s.name, m.serial FROM site s LEFT JOIN meter m ON m.site_id = s.id WHERE s.id = 4711;

-- not yet
--: work_order (...) WHERE technician_id IS NULL... | work_order (technician_id...)... | work_order (...) WHERE state = 'planned'... | work_order (state...)...
SELECT id, title FROM work_order WHERE technician_id IS NULL AND state = 'planned' ORDER BY created_at;
