-- A hospital's tables: skewed, of the sizes that make an index worth its while, names as frameworks make them.
CREATE EXTENSION pg_trgm;
CREATE EXTENSION btree_gist;
CREATE EXTENSION citext;
CREATE DOMAIN icd10 AS text CHECK (VALUE ~ '^[A-Z][0-9]{2}(\.[0-9]+)?$');
CREATE DOMAIN record_no AS varchar(12);
CREATE TYPE encounter_kind AS ENUM ('outpatient', 'inpatient', 'emergency', 'daycase');
CREATE TYPE order_state AS ENUM ('draft', 'active', 'completed', 'stopped', 'on-hold');
SELECT setseed(0.25);

CREATE TABLE ward (id int PRIMARY KEY, code text NOT NULL, site text NOT NULL);
INSERT INTO ward SELECT i, 'W' || i, 'site ' || i % 4 FROM generate_series(1, 60) i;
CREATE TABLE unit (id int PRIMARY KEY, parent_id int REFERENCES unit, name text NOT NULL, manager text);
INSERT INTO unit SELECT i, CASE WHEN i > 20 THEN i / 6 END, 'Unit ' || i, repeat('manager ', 6) FROM generate_series(1, 30000) i;
CREATE TABLE staff (
    id int PRIMARY KEY, "licenseNo" varchar(20) NOT NULL, name text NOT NULL, role text NOT NULL, active bool NOT NULL);
INSERT INTO staff SELECT i, 'L-' || 100000 + i, 'Dr ' || md5(i::text), 'role ' || i % 9, i % 12 > 0 FROM generate_series(1, 12000) i;

CREATE TABLE patient (
    id uuid PRIMARY KEY, mrn record_no NOT NULL UNIQUE, "familyName" varchar(80) COLLATE "C.utf8" NOT NULL, "givenName" varchar(80) NOT NULL,
    birth_date date NOT NULL, sex char(1) NOT NULL, email citext, phone text, address jsonb NOT NULL,
    deceased_at timestamptz, merged_into uuid, vip bool NOT NULL, created_at timestamptz NOT NULL,
    full_name text GENERATED ALWAYS AS ("familyName" || ', ' || "givenName") STORED);
INSERT INTO patient SELECT md5('p' || i)::uuid, 'M' || lpad(i::text, 9, '0'),
    initcap(substr(md5((9000 * random() ^ 2)::int::text), 1, 7)), 'Given' || (1200 * random() ^ 2)::int,
    date '1930-01-01' + (33000 * random())::int, CASE WHEN random() < 0.51 THEN 'f' ELSE 'm' END,
    CASE WHEN random() < 0.6 THEN 'Patient.' || i || '@Mail.example' END, '+49' || (1e9 * random())::bigint,
    jsonb_build_object('city', 'City ' || (3000 * random() ^ 3)::int, 'zip', lpad((99999 * random())::int::text, 5, '0'), 'country', 'DE'),
    CASE WHEN random() < 0.04 THEN timestamptz '2024-01-01' + random() * interval '500 days' END,
    CASE WHEN random() < 0.005 THEN md5('p' || i / 2)::uuid END, random() < 0.002,
    timestamptz '2018-01-01' + i * interval '30 min'
    FROM generate_series(1, 150000) i;

CREATE TABLE encounter (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, patient_id uuid NOT NULL REFERENCES patient, ward_id int NOT NULL,
    kind encounter_kind NOT NULL, admitted_at timestamptz NOT NULL, discharged_at timestamptz, attending_id int NOT NULL,
    diagnosis icd10, charge numeric(12,2) NOT NULL, insurer int NOT NULL, narrative text NOT NULL);
INSERT INTO encounter (patient_id, ward_id, kind, admitted_at, discharged_at, attending_id, diagnosis, charge, insurer, narrative)
    SELECT md5('p' || 1 + (149999 * random() ^ 2)::int)::uuid, 1 + (59 * random() ^ 2)::int,
    (ARRAY['outpatient', 'outpatient', 'outpatient', 'inpatient', 'emergency', 'daycase']::encounter_kind[])[1 + (5 * random())::int],
    at, CASE WHEN at > timestamptz '2025-06-01' - interval '1 day' * (9 * random() ^ 4) OR random() < 0.002 THEN NULL ELSE at + random() ^ 3 * interval '20 days' END,
    1 + (11999 * random() ^ 2)::int, chr(65 + (25 * random())::int) || lpad((99 * random() ^ 2)::int::text, 2, '0') || '.' || (9 * random())::int,
    round((20 + 30000 * random() ^ 6)::numeric, 2), (200 * random() ^ 2)::int, repeat('narrative of a stay ', 1 + (6 * random())::int) || i
    FROM (SELECT i, timestamptz '2023-01-01' + i * interval '192 sec' + random() * interval '2 days' AS at FROM generate_series(1, 400000) i) s;
CREATE INDEX encounter_patient ON encounter (patient_id);

CREATE TABLE observation (
    encounter_id bigint NOT NULL, code text NOT NULL, taken_at timestamptz NOT NULL, value numeric, unit text, device_id int, flags text[])
    PARTITION BY RANGE (taken_at);
CREATE TABLE observation_2025_01 PARTITION OF observation FOR VALUES FROM ('2025-01-01') TO ('2025-02-01');
CREATE TABLE observation_2025_02 PARTITION OF observation FOR VALUES FROM ('2025-02-01') TO ('2025-03-01');
CREATE TABLE observation_2025_03 PARTITION OF observation FOR VALUES FROM ('2025-03-01') TO ('2025-04-01');
CREATE TABLE observation_2025_04 PARTITION OF observation FOR VALUES FROM ('2025-04-01') TO ('2025-05-01');
CREATE TABLE observation_later PARTITION OF observation DEFAULT;
INSERT INTO observation SELECT (390000 - 140000 * random() ^ 2)::int, 'L' || (180 * random() ^ 3)::int,
    timestamptz '2025-01-01' + i * interval '13 sec', round((random() * 200)::numeric, 1),
    'mmol/l', (4000 * random())::int, CASE WHEN random() < 0.01 THEN ARRAY['critical'] END
    FROM generate_series(1, 900000) i;

CREATE TABLE drug (id int PRIMARY KEY, name text NOT NULL, atc varchar(8) NOT NULL, ingredients int[] NOT NULL, leaflet text);
INSERT INTO drug SELECT i, 'Drug ' || md5(i::text), chr(65 + i % 14) || lpad((i % 16)::text, 2, '0') || chr(65 + i % 7) || chr(65 + i % 5) || lpad((i % 50)::text, 2, '0'),
    ARRAY[(3000 * random() ^ 2)::int, (3000 * random())::int], repeat('leaflet ', 25) FROM generate_series(1, 25000) i;
CREATE TABLE med_order (
    id bigint PRIMARY KEY, encounter_id bigint NOT NULL, drug_id int NOT NULL REFERENCES drug, state order_state NOT NULL, priority smallint NOT NULL,
    ordered_at timestamptz NOT NULL, starts_on date NOT NULL, ends_on date NOT NULL, dose numeric(8,2) NOT NULL, is_prn bool NOT NULL,
    cancelled_at timestamptz, ordered_by int NOT NULL, remark text);
INSERT INTO med_order SELECT i, 1 + (399999 * random())::int, 1 + (24999 * random() ^ 2)::int,
    (CASE WHEN random() < 0.01 THEN 'active' WHEN random() < 0.03 THEN 'draft' WHEN random() < 0.1 THEN 'stopped' ELSE 'completed' END)::order_state, (4 * random() ^ 3)::int,
    timestamptz '2023-01-01' + i * interval '4 min', d, d + (10 * random() ^ 2)::int, round((500 * random())::numeric, 2), random() < 0.1,
    CASE WHEN random() < 0.03 THEN timestamptz '2023-01-02' + i * interval '4 min' END, 1 + (11999 * random())::int, repeat('remark ', 1 + (5 * random())::int)
    FROM (SELECT i, date '2023-01-01' + i / 360 AS d FROM generate_series(1, 300000) i) s;
CREATE INDEX med_order_encounter ON med_order (encounter_id) INCLUDE (state);

CREATE TABLE lab_job (
    id bigint PRIMARY KEY, analyzer text NOT NULL, state text NOT NULL DEFAULT 'queued', priority int NOT NULL, scheduled_for timestamptz NOT NULL,
    locked_at timestamptz, attempts int NOT NULL, last_error text, payload jsonb NOT NULL);
INSERT INTO lab_job SELECT i, 'analyzer-' || (25 * random())::int, CASE WHEN i > 199400 THEN 'queued' WHEN random() < 0.0008 THEN 'running' WHEN random() < 0.02 THEN 'failed' ELSE 'done' END,
    (9 * random() ^ 3)::int, timestamptz '2025-01-01' + i * interval '1 min', timestamptz '2025-01-01' + i * interval '1 min',
    (5 * random() ^ 8)::int, CASE WHEN random() < 0.02 THEN 'E' || (40 * random() ^ 2)::int END,
    jsonb_build_object('tube', 7000000 + i, 'orderNo', 'O-' || (i * 48271::bigint) % 200003, 'tests', jsonb_build_array('t' || (400 * random() ^ 2)::int, 't' || (400 * random() ^ 2)::int), 'stat', random() < 0.1)
    FROM generate_series(1, 200000) i;

CREATE TABLE bed_stay (id int PRIMARY KEY, bed_id int NOT NULL, patient_id uuid NOT NULL, during tstzrange NOT NULL, comment text);
INSERT INTO bed_stay SELECT i, (i * 7919::bigint) % 1500, md5('p' || 1 + (i * 48271::bigint) % 150000)::uuid,
    tstzrange(timestamptz '2022-01-01' + i * interval '14 min', timestamptz '2022-01-01' + i * interval '14 min' + random() ^ 2 * interval '12 days'), repeat('comment ', 4)
    FROM generate_series(1, 120000) i;

CREATE TABLE appointment (
    id bigint PRIMARY KEY, clinic_id int NOT NULL, doctor_id int NOT NULL, patient_id uuid NOT NULL, starts_at timestamptz NOT NULL, slot tstzrange NOT NULL,
    status text NOT NULL, reminder_sent bool NOT NULL, cancelled bool NOT NULL, channel text, note text);
INSERT INTO appointment SELECT i, (90 * random() ^ 2)::int, 1 + (3000 * random())::int, md5('p' || 1 + (149999 * random())::int)::uuid, at, tstzrange(at, at + interval '20 min'),
    CASE WHEN i > 246000 THEN 'booked' WHEN random() < 0.01 THEN 'noshow' ELSE 'done' END, i <= 247500 OR random() < 0.3, random() < 0.06, (ARRAY['web', 'phone', 'app'])[1 + (2 * random())::int], repeat('note ', 6)
    FROM (SELECT i, timestamptz '2023-06-01' + i * interval '4 min' + random() * interval '10 days' AS at FROM generate_series(1, 250000) i) s;

CREATE TABLE document (
    id uuid PRIMARY KEY, patient_id uuid NOT NULL, title text NOT NULL, body text NOT NULL, tags text[] NOT NULL, resource jsonb NOT NULL, deleted bool NOT NULL,
    uploaded_at timestamptz NOT NULL, author_id int,
    words tsvector GENERATED ALWAYS AS (to_tsvector('simple', title)) STORED);
INSERT INTO document (id, patient_id, title, body, tags, resource, deleted, uploaded_at, author_id)
    SELECT md5('d' || i)::uuid, md5('p' || 1 + (149999 * random() ^ 3)::int)::uuid, 'Report ' || (20000 * random())::int || ' finding' || (6000 * random() ^ 2)::int,
    concat_ws(' ', 'patient shows', 'sign' || (4000 * random() ^ 2)::int, 'of', 'illness' || (9000 * random())::int, 'and', 'symptom' || (500 * random() ^ 2)::int),
    ARRAY['tag' || (2000 * random() ^ 2)::int, 'dept' || (30 * random())::int],
    jsonb_build_object('resourceType', (ARRAY['DiagnosticReport', 'Observation', 'Composition'])[1 + (2 * random())::int], 'identifier', jsonb_build_array(jsonb_build_object('system', 'urn:lab', 'value', 'V' || i)),
        'subject', jsonb_build_object('reference', 'Patient/' || (150000 * random())::int), 'meta', jsonb_build_object('source', 'source ' || (700 * random() ^ 2)::int, 'versionId', (5 * random() ^ 3)::int)),
    random() < 0.01, timestamptz '2024-01-01' + i * interval '10 min', CASE WHEN random() < 0.9 THEN 1 + (11999 * random())::int END
    FROM generate_series(1, 80000) i;
CREATE INDEX document_tags ON document USING gin (tags);

CREATE TABLE ambulance_ping (vehicle int NOT NULL, at timestamptz NOT NULL, pos point NOT NULL, speed real NOT NULL, fuel real, odometer int, driver text);
INSERT INTO ambulance_ping SELECT i % 120, timestamptz '2025-01-01' + i * interval '2 sec', point(random() * 1000, random() * 1000), (130 * random())::real, random(), i, 'driver ' || i % 300
    FROM generate_series(1, 600000) i;
CREATE TABLE helipad (id int PRIMARY KEY, name text NOT NULL, pos point NOT NULL, zone polygon NOT NULL, ip inet);
INSERT INTO helipad SELECT i, 'Pad ' || md5(i::text), point(p, q), polygon(circle(point(p, q), 0.5)), ('10.' || i % 200 || '.' || i / 200 % 250 || '.' || i % 250)::inet
    FROM (SELECT i, random() * 1000 AS p, random() * 1000 AS q FROM generate_series(1, 50000) i) s;

CREATE TABLE audit_event (id bigint NOT NULL, at timestamptz NOT NULL, actor_id int NOT NULL, entity text NOT NULL, entity_id uuid NOT NULL, action text NOT NULL, detail text);
INSERT INTO audit_event SELECT i, timestamptz '2024-06-01' + i * interval '20 sec', 1 + (11999 * random() ^ 2)::int, (ARRAY['patient', 'document', 'appointment'])[1 + (2 * random())::int],
    md5((ARRAY['p', 'd'])[1 + (random())::int] || 1 + (79999 * random())::int)::uuid, 'action ' || (12 * random() ^ 2)::int, repeat('detail ', 8)
    FROM generate_series(1, 700000) i;

CREATE TABLE invoice (
    id bigint PRIMARY KEY, encounter_id bigint NOT NULL, number varchar(24) NOT NULL UNIQUE, payer_id int NOT NULL, issued_on date NOT NULL, due_on date,
    paid_at timestamptz, amount numeric(12,2) NOT NULL, paid numeric(12,2) NOT NULL, currency char(3) NOT NULL, external_ref text, updated_at timestamptz NOT NULL, memo text);
INSERT INTO invoice SELECT i, 1 + (399999 * random())::int, 'INV-' || i, (220 * random() ^ 2)::int, date '2023-01-01' + (880 * random())::int,
    CASE WHEN random() < 0.9 THEN date '2023-02-01' + (880 * random())::int END, CASE WHEN random() < 0.97 THEN timestamptz '2023-02-01' + random() * interval '880 days' END, a,
    CASE WHEN random() < 0.97 THEN a ELSE 0 END, CASE WHEN random() < 0.98 THEN 'EUR' ELSE 'CHF' END, CASE WHEN random() < 0.4 THEN 'ext:' || md5(i::text) END,
    timestamptz '2023-02-01' + random() * interval '880 days', repeat('memo ', 8)
    FROM (SELECT i, round((5000 * random() ^ 4)::numeric, 2) AS a FROM generate_series(1, 300000) i) s;
CREATE INDEX invoice_payer ON invoice (payer_id);
CREATE INDEX invoice_unpaid ON invoice (issued_on) WHERE paid_at IS NULL;

CREATE TABLE device_cert (fingerprint text NOT NULL, device_id int NOT NULL, expires_at timestamptz NOT NULL);
INSERT INTO device_cert SELECT 'sha512:' || md5(i::text) || md5((i + 1)::text) || md5((i + 2)::text) || md5((i + 3)::text), i, timestamptz '2025-01-01' + random() * interval '900 days'
    FROM generate_series(1, 90000) i;
CREATE TABLE roster (unit_id int NOT NULL, day date NOT NULL, shift char(1) NOT NULL, staff_id int NOT NULL, hours numeric(4,1) NOT NULL, swapped bool NOT NULL, PRIMARY KEY (unit_id, day, shift, staff_id));
INSERT INTO roster SELECT i % 60, date '2024-01-01' + i / 600, (ARRAY['E', 'L', 'N'])[1 + i % 3], 1 + (i * 48271::bigint) % 12000, 8, random() < 0.02 FROM generate_series(1, 300000) i ON CONFLICT DO NOTHING;

CREATE VIEW patient_timeline AS
    SELECT patient_id, 'encounter' AS what, id::text AS id, admitted_at AS at FROM encounter
    UNION ALL SELECT patient_id, 'appointment', id::text, starts_at FROM appointment WHERE NOT cancelled
    UNION ALL SELECT patient_id, 'document', id::text, uploaded_at FROM document WHERE NOT deleted;
CREATE VIEW inpatient AS SELECT e.id, e.ward_id, e.admitted_at, p.mrn, p.full_name, w.site
    FROM encounter e JOIN patient p ON p.id = e.patient_id JOIN ward w ON w.id = e.ward_id WHERE e.discharged_at IS NULL;
CREATE FUNCTION is_weekend(at timestamptz) RETURNS boolean STABLE LANGUAGE sql AS 'SELECT extract(isodow FROM at) > 5';
