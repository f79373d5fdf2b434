-- A freight forwarder's tables: skewed and correlated, with soft deletes, partitions, ranges and queues.
CREATE EXTENSION pg_trgm;
CREATE EXTENSION btree_gist;
CREATE EXTENSION citext;
CREATE TYPE shipment_status AS ENUM ('draft', 'booked', 'in_transit', 'customs', 'exception', 'delivered', 'cancelled');
CREATE TYPE event_code AS ENUM ('gate_in', 'loaded', 'departed', 'arrived', 'discharged', 'gate_out', 'hold', 'damage');
CREATE DOMAIN iso6346 AS text CHECK (VALUE ~ '^[A-Z]{4}[0-9]{7}$');
SELECT setseed(0.42);

CREATE TABLE carrier (id int PRIMARY KEY, scac char(4) NOT NULL, name text NOT NULL);
INSERT INTO carrier SELECT i, upper(substr(md5(i::text), 1, 4)), 'Carrier ' || i FROM generate_series(1, 150) i;
CREATE TABLE port (id int PRIMARY KEY, locode char(5) NOT NULL, country char(2) NOT NULL, name text NOT NULL);
INSERT INTO port SELECT i, upper(substr(md5('p' || i), 1, 5)), chr(65 + i % 20) || chr(65 + i % 7), 'Port ' || i FROM generate_series(1, 400) i;
CREATE TABLE tariff_rule (id int PRIMARY KEY, hs_prefix text NOT NULL, country char(2) NOT NULL, rate numeric NOT NULL);
INSERT INTO tariff_rule SELECT i, (i * 7 % 97)::text, 'DE', i / 10.0 FROM generate_series(1, 300) i;

CREATE TABLE client (
    id uuid PRIMARY KEY, account_no varchar(12) NOT NULL UNIQUE, name text NOT NULL, email citext, country char(2) NOT NULL,
    vat_id varchar(20) COLLATE "C", credit_hold bool NOT NULL, labels text[] NOT NULL, settings jsonb NOT NULL,
    owner_id int, deleted_at timestamptz, created_at timestamptz NOT NULL);
INSERT INTO client SELECT md5('c' || i)::uuid, 'A' || lpad(i::text, 8, '0'), initcap(md5('n' || i % 38000)) || ' Ltd',
    CASE WHEN random() < 0.8 THEN 'Desk' || i || '@Client' || i % 700 || '.example' END, chr(65 + (19 * random() ^ 3)::int) || 'E',
    CASE WHEN random() < 0.5 THEN 'DE' || (1e8 + 1e8 * random())::bigint END, random() < 0.008,
    ARRAY['l' || (40 * random() ^ 2)::int, 'k' || (3000 * random())::int],
    jsonb_build_object('edi', jsonb_build_object('id', 'E' || (40000 * random())::int, 'on', random() < 0.3), 'tz', 'Etc/GMT'),
    (300 * random() ^ 2)::int, CASE WHEN random() < 0.05 THEN timestamptz '2025-02-01' END, timestamptz '2019-01-01' + i * interval '70 min'
    FROM generate_series(1, 40000) i;

CREATE TABLE vessel (id int PRIMARY KEY, imo int NOT NULL UNIQUE, name text NOT NULL, teu int NOT NULL);
INSERT INTO vessel SELECT i, 9000000 + i, 'MV ' || md5(i::text), (random() * 20000)::int FROM generate_series(1, 2500) i;
CREATE TABLE voyage (
    id int PRIMARY KEY, vessel_id int NOT NULL REFERENCES vessel, load_port int NOT NULL, discharge_port int NOT NULL,
    under_way tstzrange NOT NULL, note text NOT NULL);
INSERT INTO voyage SELECT i, 1 + (2499 * random())::int, 1 + (399 * random() ^ 2)::int, 1 + (399 * random() ^ 2)::int,
    tstzrange(at, at + interval '3 days' + random() * interval '30 days'), repeat('note ', 10)
    FROM (SELECT i, timestamptz '2023-01-01' + i * interval '20 min' AS at FROM generate_series(1, 60000) i) s;

CREATE TABLE shipment (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, ref varchar(16) NOT NULL UNIQUE, client_id uuid NOT NULL REFERENCES client,
    status shipment_status NOT NULL, origin int NOT NULL, destination int NOT NULL, country char(2) NOT NULL, booked_at timestamptz NOT NULL,
    eta date, delivered_at timestamptz, weight_kg numeric(10,1) NOT NULL, hazmat bool NOT NULL, incoterm char(3) NOT NULL, po_number text,
    attributes jsonb NOT NULL, goods text NOT NULL, search tsvector GENERATED ALWAYS AS (to_tsvector('simple', goods)) STORED, deleted_at timestamptz);
INSERT INTO shipment (ref, client_id, status, origin, destination, country, booked_at, eta, delivered_at, weight_kg, hazmat, incoterm, po_number, attributes, goods, deleted_at)
    SELECT 'SHP' || lpad(i::text, 9, '0'), md5('c' || 1 + (39999 * random() ^ 3)::int)::uuid,
    (CASE WHEN r < 0.004 THEN 'exception' WHEN r < 0.02 THEN 'customs' WHEN r < 0.06 THEN 'in_transit' WHEN r < 0.08 THEN 'booked' WHEN r < 0.11 THEN 'cancelled' ELSE 'delivered' END)::shipment_status,
    1 + (399 * random() ^ 2)::int, d, chr(65 + d % 20) || chr(65 + d % 7), at, at::date + (60 * random())::int, CASE WHEN r >= 0.11 THEN at + random() * interval '50 days' END,
    round((10 + 25000 * random() ^ 4)::numeric, 1), random() < 0.01, (ARRAY['FOB', 'CIF', 'EXW', 'DAP'])[1 + (3 * random())::int],
    CASE WHEN random() < 0.35 THEN 'PO-' || (90000 * random())::int END,
    jsonb_build_object('temp', (40 * random())::int, 'bl', 'BL' || (250000 * random())::int, 'parties', jsonb_build_array(jsonb_build_object('role', 'notify', 'ref', 'N' || (20000 * random())::int))),
    'pallets of ' || substr(md5((3000 * random() ^ 2)::int::text), 1, 6) || ' and ' || substr(md5((900 * random())::int::text), 1, 5),
    CASE WHEN random() < 0.015 THEN at + interval '2 days' END
    FROM (SELECT i, random() AS r, 1 + (399 * random() ^ 3)::int AS d, timestamptz '2023-01-01' + i * interval '4 min' AS at FROM generate_series(1, 250000) i) s;

CREATE TABLE container (
    id int PRIMARY KEY, number iso6346 NOT NULL, shipment_id bigint NOT NULL REFERENCES shipment ON DELETE CASCADE, size smallint NOT NULL, seal text,
    sealed_at timestamptz, tare_kg int NOT NULL, depot int);
INSERT INTO container SELECT i, 'MSKU' || lpad((i * 37 % 10000000)::text, 7, '0'), 1 + (249999 * random())::int, (ARRAY[20, 40, 45])[1 + (2 * random())::int],
    CASE WHEN random() < 0.97 THEN 'S' || md5(i::text) END, timestamptz '2023-01-02' + i * interval '6 min', 2200 + (random() * 2000)::int, (80 * random() ^ 2)::int FROM generate_series(1, 180000) i;

CREATE TABLE tracking (shipment_id bigint NOT NULL, code event_code NOT NULL, port_id int, at timestamptz NOT NULL, detail jsonb)
    PARTITION BY RANGE (at);
CREATE TABLE tracking_2024q1 PARTITION OF tracking FOR VALUES FROM ('2024-01-01') TO ('2024-04-01');
CREATE TABLE tracking_2024q2 PARTITION OF tracking FOR VALUES FROM ('2024-04-01') TO ('2024-07-01');
CREATE TABLE tracking_2024q3 PARTITION OF tracking FOR VALUES FROM ('2024-07-01') TO ('2024-10-01');
CREATE TABLE tracking_rest PARTITION OF tracking DEFAULT;
INSERT INTO tracking SELECT 1 + (249999 * random())::int, (enum_range(NULL::event_code))[1 + (7 * random() ^ 4)::int], 1 + (399 * random() ^ 2)::int,
    timestamptz '2024-01-01' + i * interval '45 sec', CASE WHEN random() < 0.02 THEN jsonb_build_object('remark', md5(i::text)) END FROM generate_series(1, 600000) i;

CREATE TABLE bill (
    id bigint PRIMARY KEY, shipment_id bigint NOT NULL, client_id uuid NOT NULL, issued_on date NOT NULL, due_on date NOT NULL, amount numeric(12,2) NOT NULL,
    currency char(3) NOT NULL, paid_at timestamptz, disputed bool NOT NULL, memo text NOT NULL);
INSERT INTO bill SELECT i, i, md5('c' || 1 + (39999 * random() ^ 3)::int)::uuid, d, d + 30, round((5 + 40000 * random() ^ 5)::numeric, 2),
    CASE WHEN random() < 0.9 THEN 'EUR' ELSE 'USD' END, CASE WHEN random() < 0.97 THEN d + random() * interval '40 days' END, random() < 0.006, repeat('memo ', 8)
    FROM (SELECT i, date '2023-01-03' + i / 250 AS d FROM generate_series(1, 220000) i) s;
CREATE INDEX bill_shipment ON bill (shipment_id);

CREATE TABLE rate (
    id int PRIMARY KEY, load_port int NOT NULL, discharge_port int NOT NULL, carrier_id int NOT NULL REFERENCES carrier, valid daterange NOT NULL, price numeric(9,2) NOT NULL, terms text NOT NULL);
INSERT INTO rate SELECT i, 1 + (399 * random() ^ 2)::int, 1 + (399 * random() ^ 2)::int, 1 + (149 * random() ^ 2)::int, daterange(d, d + 20 + (90 * random())::int), round((400 + 6000 * random())::numeric, 2), repeat('t', 60)
    FROM (SELECT i, date '2022-01-01' + (1200 * random())::int AS d FROM generate_series(1, 90000) i) s;

CREATE TABLE truck_position (truck_id int NOT NULL, at timestamptz NOT NULL, lat real NOT NULL, lon real NOT NULL, speed smallint, odometer int NOT NULL);
INSERT INTO truck_position SELECT (1500 * random())::int, timestamptz '2025-01-01' + i * interval '3 sec', 50 + random(), 8 + random(), (90 * random())::int, i FROM generate_series(1, 900000) i;

CREATE TABLE stop (
    route_id int NOT NULL, seq smallint NOT NULL, consignee_id int NOT NULL, slot tstzrange NOT NULL, done_at timestamptz, failed bool NOT NULL, proof text, PRIMARY KEY (route_id, seq));
INSERT INTO stop SELECT i / 20, i % 20, 1 + (89999 * random())::int, tstzrange(at, at + interval '2 hours'), CASE WHEN i < 298500 THEN at + interval '1 hour' END, random() < 0.02, md5(i::text)
    FROM (SELECT i, timestamptz '2024-01-01' + i / 20 * interval '25 min' AS at FROM generate_series(0, 299999) i) s;

CREATE TABLE consignee (id int PRIMARY KEY, name varchar(80) NOT NULL, street text NOT NULL, zip varchar(5) NOT NULL, city text NOT NULL, place point NOT NULL, rank smallint);
INSERT INTO consignee SELECT i, initcap(substr(md5('x' || i), 1, 9)) || ' ' || (ARRAY['GmbH', 'SA', 'Inc'])[1 + i % 3], 'Street ' || i, lpad((99999 * random())::int::text, 5, '0'), 'City ' || (2500 * random() ^ 3)::int,
    point(50 + 3 * random(), 7 + 5 * random()), CASE WHEN random() < 0.1 THEN (30000 * random())::int END FROM generate_series(1, 90000) i;

CREATE TABLE outbox (id bigint PRIMARY KEY, topic text NOT NULL, payload jsonb NOT NULL, created_at timestamptz NOT NULL, sent_at timestamptz, attempts smallint NOT NULL);
INSERT INTO outbox SELECT i, 'topic.' || (8 * random())::int, jsonb_build_object('k', i, 'v', md5(i::text)), timestamptz '2025-01-01' + i * interval '20 sec', CASE WHEN i < 199400 THEN now() END, (random() < 0.01)::int FROM generate_series(1, 200000) i;

CREATE TABLE audit (id bigint PRIMARY KEY, actor int NOT NULL, object text NOT NULL, at timestamptz NOT NULL, change jsonb NOT NULL);
INSERT INTO audit SELECT i, (400 * random() ^ 2)::int, 'shipment:' || (250000 * random())::int, timestamptz '2024-01-01' + i * interval '90 sec', jsonb_build_object('f', md5(i::text)) FROM generate_series(1, 300000) i;
CREATE INDEX audit_at ON audit (at);

CREATE TABLE idempotency (key text PRIMARY KEY, client_id uuid NOT NULL, at timestamptz NOT NULL, response jsonb);
INSERT INTO idempotency SELECT md5('k' || i), md5('c' || 1 + i % 40000)::uuid, timestamptz '2025-01-01' + i * interval '1 min', '{}' FROM generate_series(1, 80000) i;

CREATE VIEW open_shipment AS SELECT s.*, c.name AS client_name FROM shipment s JOIN client c ON c.id = s.client_id WHERE s.deleted_at IS NULL AND s.delivered_at IS NULL;
CREATE FUNCTION is_late(date) RETURNS bool LANGUAGE sql STABLE AS 'SELECT $1 < current_date';
