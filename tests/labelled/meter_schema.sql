-- A metering service for many tenants: partitions in partitions, inheritance, domains, composites, trees and policies.
CREATE EXTENSION pg_trgm;
CREATE EXTENSION btree_gist;
CREATE EXTENSION citext;
CREATE EXTENSION ltree;
CREATE EXTENSION intarray;
CREATE TYPE order_state AS ENUM ('new', 'planned', 'escalated', 'parts', 'done', 'void');
CREATE TYPE meter_kind AS ENUM ('power', 'gas', 'water', 'heat');
CREATE TYPE postal AS (street text, zip text, city text);
CREATE DOMAIN mail AS citext CHECK (VALUE ~ '@');
CREATE DOMAIN serial_no AS text;
SELECT setseed(0.17);

CREATE TABLE tenant (id int PRIMARY KEY, slug citext NOT NULL UNIQUE, region text NOT NULL, plan text NOT NULL);
INSERT INTO tenant SELECT i, 'tenant-' || i, 'r' || i % 7, CASE WHEN i % 9 = 0 THEN 'gold' ELSE 'free' END FROM generate_series(1, 300) i;
CREATE TABLE feature_flag (name text NOT NULL, tenant_id int, enabled bool NOT NULL);
INSERT INTO feature_flag SELECT 'flag' || i % 40, i % 5, i % 3 = 0 FROM generate_series(1, 200) i;
CREATE TABLE tariff (id int PRIMARY KEY, code text NOT NULL, price numeric(8,4) NOT NULL);
INSERT INTO tariff SELECT i, 'T' || i, i / 100.0 FROM generate_series(1, 60) i;

CREATE TABLE technician (id int PRIMARY KEY, email mail NOT NULL UNIQUE, name text NOT NULL, skills int[] NOT NULL, home point NOT NULL);
INSERT INTO technician SELECT i, 'Tech' || i || '@Field.example', initcap(md5('t' || i)), ARRAY[(i % 9), 10 + (i % 4)], point(random() * 100, random() * 100) FROM generate_series(1, 3000) i;

CREATE TABLE site (
    id int PRIMARY KEY, tenant_id int NOT NULL REFERENCES tenant, name text COLLATE "C.utf8" NOT NULL, path ltree NOT NULL, address postal NOT NULL,
    tags int[] NOT NULL, place point NOT NULL, opened date NOT NULL, notes text);
INSERT INTO site SELECT i, 1 + (299 * random() ^ 2)::int, (ARRAY['Depot', 'Plant', 'Office', 'Hall'])[1 + i % 4] || ' ' || i || ' ' || initcap(substr(md5('s' || i), 1, 9)),
    ('root.r' || i % 12 || '.d' || i % 400 || '.s' || i)::ltree, ROW('Street ' || i, lpad((99999 * random())::int::text, 5, '0'), 'City ' || (900 * random() ^ 2)::int)::postal,
    ARRAY[(500 * random())::int, 500 + (1500 * random())::int, 2000 + i % 6], point(random() * 1000, random() * 1000), date '2000-01-01' + (9000 * random())::int, repeat('note ', 12)
    FROM generate_series(1, 60000) i;

CREATE TABLE meter (
    id int PRIMARY KEY, tenant_id int NOT NULL, site_id int NOT NULL REFERENCES site, serial serial_no COLLATE "C.utf8" NOT NULL, kind meter_kind NOT NULL, firmware text NOT NULL,
    mac macaddr, ip inet, config jsonb NOT NULL, installed date NOT NULL, removed_at timestamptz, last_seen timestamptz, comment text NOT NULL);
INSERT INTO meter SELECT i, 1 + (299 * random() ^ 2)::int, 1 + (59999 * random())::int, 'EM' || lpad((i * 13)::text, 8, '0'),
    (ARRAY['power', 'power', 'power', 'gas', 'water', 'heat'])[1 + i % 6]::meter_kind, '3.' || (20 * random() ^ 3)::int, ('08:00:2b:' || substr(md5(i::text), 1, 2) || ':' || substr(md5(i::text), 3, 2) || ':' || substr(md5(i::text), 5, 2))::macaddr,
    ('10.' || i % 200 || '.' || i % 251 || '.' || i % 253)::inet,
    jsonb_build_object('sim', 'SIM' || (100000 * random())::int, 'interval', (3600 * random())::int, 'channels', jsonb_build_array(jsonb_build_object('obis', '1-0:' || (8000 * random())::int), jsonb_build_object('obis', '1-1:' || i % 30))),
    date '2015-01-01' + (3500 * random())::int, CASE WHEN random() < 0.01 THEN timestamptz '2025-01-01' + random() * interval '90 days' END,
    CASE WHEN random() < 0.93 THEN timestamptz '2025-06-01' + random() * interval '30 days' END, repeat('c', 40)
    FROM generate_series(1, 120000) i;

CREATE TABLE reading (meter_id int NOT NULL, at timestamptz NOT NULL, kwh numeric(10,3) NOT NULL, quality smallint NOT NULL, source text NOT NULL) PARTITION BY RANGE (at);
DO $$
DECLARE month date; part text;
BEGIN
    FOR m IN 0..5 LOOP
        month := date '2025-01-01' + make_interval(months => m); part := 'reading_' || to_char(month, 'YYYYMM');
        EXECUTE format('CREATE TABLE %I PARTITION OF reading FOR VALUES FROM (%L) TO (%L) PARTITION BY HASH (meter_id)', part, month, (month + interval '1 month')::date);
        FOR h IN 0..1 LOOP
            EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES WITH (MODULUS 2, REMAINDER %s)', part || '_' || h, part, h);
        END LOOP;
    END LOOP;
END $$;
INSERT INTO reading SELECT 1 + (19999 * random())::int, timestamptz '2025-01-01' + i * interval '22 sec', round((random() * 90)::numeric, 3), CASE WHEN random() < 0.004 THEN 9 ELSE (2 * random())::int END, 'ams'
    FROM generate_series(1, 700000) i;

CREATE TABLE incident (id bigint NOT NULL, meter_id int NOT NULL, raised_at timestamptz NOT NULL, severity smallint NOT NULL);
CREATE TABLE alarm (acknowledged_at timestamptz, code text NOT NULL) INHERITS (incident);
CREATE TABLE fault (part text NOT NULL, cost numeric(9,2)) INHERITS (incident);
INSERT INTO alarm SELECT i, 1 + (119999 * random())::int, timestamptz '2024-01-01' + i * interval '3 min', (4 * random() ^ 2)::int, CASE WHEN random() < 0.996 THEN timestamptz '2025-01-01' END, 'A' || (300 * random() ^ 2)::int FROM generate_series(1, 150000) i;
INSERT INTO fault SELECT 200000 + i, 1 + (119999 * random())::int, timestamptz '2024-01-01' + i * interval '8 min', (4 * random())::int, 'part' || (900 * random())::int, (random() * 900)::numeric(9,2) FROM generate_series(1, 60000) i;

CREATE TABLE work_order (
    id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, tenant_id int NOT NULL, meter_id int NOT NULL, state order_state NOT NULL, priority smallint, technician_id int, slot tstzrange NOT NULL,
    created_at timestamptz NOT NULL, closed_at timestamptz, title text NOT NULL, body text NOT NULL, custom jsonb NOT NULL,
    doc tsvector GENERATED ALWAYS AS (setweight(to_tsvector('english', title), 'A') || setweight(to_tsvector('english', body), 'B')) STORED);
INSERT INTO work_order (tenant_id, meter_id, state, priority, technician_id, slot, created_at, closed_at, title, body, custom)
    SELECT 1 + (299 * random() ^ 2)::int, 1 + (119999 * random())::int, (CASE WHEN r < 0.005 THEN 'escalated' WHEN r < 0.02 THEN 'new' WHEN r < 0.05 THEN 'planned' WHEN r < 0.06 THEN 'parts' WHEN r < 0.08 THEN 'void' ELSE 'done' END)::order_state,
    CASE WHEN random() < 0.99 THEN (4 * random())::int END, CASE WHEN random() < 0.97 THEN 1 + (2999 * random())::int END, tstzrange(at + interval '2 days', at + interval '2 days 3 hours'), at, CASE WHEN r >= 0.06 THEN at + random() * interval '20 days' END,
    'leak' || (4000 * random())::int || ' at valve' || (90 * random())::int, 'seen word' || (9000 * random())::int || ' and noise' || (200 * random())::int, jsonb_build_object('asset', jsonb_build_object('ref', 'A' || (50000 * random())::int), 'n', i % 4)
    FROM (SELECT i, random() AS r, timestamptz '2023-06-01' + i * interval '5 min' AS at FROM generate_series(1, 200000) i) s;
ALTER TABLE work_order ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON work_order USING (tenant_id = current_setting('app.tenant', true)::int);

CREATE TABLE contract (
    id int PRIMARY KEY, meter_id int NOT NULL, tariff_id int NOT NULL REFERENCES tariff, valid daterange NOT NULL, signer mail, number text NOT NULL, EXCLUDE USING gist (meter_id WITH =, valid WITH &&));
INSERT INTO contract SELECT i, i % 60000, 1 + (59 * random())::int, daterange(date '2018-01-01' + (i / 60000) * 900, date '2018-01-01' + (i / 60000) * 900 + 800), CASE WHEN random() < 0.9 THEN 'Signer' || i % 50000 || '@Mail.example' END, 'C-' || i FROM generate_series(1, 120000) i;

CREATE TABLE invoice_line (
    id bigint PRIMARY KEY, tenant_id int NOT NULL, number int NOT NULL, meter_id int NOT NULL, issued_at timestamp NOT NULL, amount numeric(10,2) NOT NULL, tax numeric(10,2) NOT NULL,
    net numeric(10,2) GENERATED ALWAYS AS (amount - tax) STORED, currency char(3) NOT NULL, ext_ref text, memo text NOT NULL);
INSERT INTO invoice_line (id, tenant_id, number, meter_id, issued_at, amount, tax, currency, ext_ref, memo) SELECT i, 1 + (299 * random() ^ 2)::int, i / 3, 1 + (119999 * random())::int, timestamp '2022-01-01' + i * interval '5 min', a, round(a * 0.19, 2), CASE WHEN random() < 0.95 THEN 'EUR' ELSE 'CHF' END, CASE WHEN random() < 0.6 THEN 'ref-' || i END, repeat('memo ', 10)
    FROM (SELECT i, round((10000 * random() ^ 3)::numeric, 2) AS a FROM generate_series(1, 250000) i) s;
CREATE INDEX invoice_line_meter ON invoice_line (meter_id, issued_at);

CREATE TABLE dispatch (
    id bigint PRIMARY KEY, queue text NOT NULL, state text NOT NULL, priority int NOT NULL, run_at timestamptz NOT NULL, locked_by text, attempts smallint NOT NULL, payload jsonb NOT NULL);
INSERT INTO dispatch SELECT i, 'q' || (12 * random() ^ 2)::int, CASE WHEN i > 197000 THEN 'ready' WHEN random() < 0.002 THEN 'dead' ELSE 'sent' END, (9 * random())::int, timestamptz '2025-01-01' + i * interval '1 min', NULL, 0, jsonb_build_object('to', md5(i::text), 'n', i) FROM generate_series(1, 200000) i;
CREATE TABLE dead_dispatch (LIKE dispatch);

CREATE TABLE login_token (token text NOT NULL, technician_id int NOT NULL, expires timestamptz NOT NULL);
INSERT INTO login_token SELECT 'tok:' || md5(i::text) || md5((i + 7)::text) || md5((i * 3)::text) || md5((i + 11)::text), 1 + (2999 * random())::int, timestamptz '2025-01-01' + random() * interval '200 days' FROM generate_series(1, 150000) i;

CREATE TABLE access_log (at timestamptz NOT NULL, tenant_id int NOT NULL, route text NOT NULL, ms int NOT NULL, status smallint NOT NULL);
INSERT INTO access_log SELECT timestamptz '2025-03-01' + i * interval '2 sec', 1 + (299 * random())::int, '/api/' || (60 * random() ^ 2)::int, (900 * random() ^ 5)::int, CASE WHEN random() < 0.97 THEN 200 ELSE 404 END FROM generate_series(1, 900000) i;

CREATE MATERIALIZED VIEW daily_usage AS SELECT meter_id, (at AT TIME ZONE 'UTC')::date AS day, sum(kwh) AS kwh, count(*) AS n FROM reading GROUP BY 1, 2;
CREATE VIEW open_order AS SELECT w.*, m.serial FROM work_order w JOIN meter m ON m.id = w.meter_id WHERE w.closed_at IS NULL;
CREATE VIEW technician_order AS SELECT o.id, o.title, o.slot, o.serial, o.technician_id, t.name FROM open_order o JOIN technician t ON t.id = o.technician_id;
CREATE FUNCTION is_peak(timestamptz) RETURNS bool LANGUAGE sql STABLE AS 'SELECT extract(hour FROM $1) BETWEEN 17 AND 20';
