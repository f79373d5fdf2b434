-- Tables for the statements of wanted.sql and unwanted.sql.

CREATE EXTENSION pg_trgm;
CREATE FUNCTION odd(n int) RETURNS boolean VOLATILE LANGUAGE plpgsql
    AS 'BEGIN RETURN n % 2 = 1; END';
CREATE TABLE customers (
    id int PRIMARY KEY, email text NOT NULL, first_name text, last_name text COLLATE "C.utf8", phone varchar(30) COLLATE "C.utf8",
    country text, city text, nick text, active boolean NOT NULL, vip boolean NOT NULL,
    deleted_at timestamptz, parent_id int, profile jsonb, created timestamp NOT NULL, notes text);
INSERT INTO customers SELECT i, CASE WHEN i % 2 = 0 THEN 'User' ELSE 'user' END || i || '@Example.com',
    'First' || i % 900, 'Last' || i * 7919 % 20000, '+49' || lpad((i * 48271::bigint % 99999989)::text, 8, '0'),
    'c' || i % 40, 'City ' || i * 31 % 700, CASE WHEN i % 3 = 0 THEN 'nick' || i END, i % 50 > 0,
    i % 200 = 0, CASE WHEN i % 60 = 0 THEN timestamptz '2024-01-01' + i * interval '1 min' END,
    CASE WHEN i % 150 = 0 THEN NULL ELSE i / 2 END,
    jsonb_build_object('sku', 'S' || i % 9000, 'qty', i % 1000, 'kind', 'k' || i % 3,
        'tags', jsonb_build_array('t' || i % 800, 'u' || i % 5))
        || CASE WHEN i % 500 = 0 THEN '{"rare": 1}'::jsonb ELSE '{}'::jsonb END,
    timestamp '2020-01-01' + i * 48271::bigint % 1500 * interval '1 day' + i % 1440 * interval '1 min',
    repeat('some note of a customer ', 3) || i
    FROM generate_series(1, 40000) i;

CREATE TABLE orders (
    id int PRIMARY KEY, customer_id int NOT NULL, status text NOT NULL, placed timestamptz NOT NULL,
    shipped_at timestamptz, total numeric(10,2) NOT NULL, quantity int NOT NULL,
    coupon text, archived boolean NOT NULL, note text);
INSERT INTO orders SELECT i, 1 + i * 48271::bigint % 40000,
    CASE WHEN i % 100 = 0 THEN 'open' WHEN i % 10 = 1 THEN 'sent' ELSE 'done' END,
    timestamptz '2022-01-01' + i * 48271::bigint % 100003 * interval '9 min',
    CASE WHEN i % 3 > 0 THEN timestamptz '2022-01-04' + i * 16807::bigint % 100003 * interval '9 min' END,
    i * 7919::bigint % 100000 / 10.0, i % 50, CASE WHEN i % 4 = 0 THEN 'coupon' || i % 3000 END,
    i % 20 > 0, repeat('note ', 8) || i
    FROM generate_series(1, 100000) i;

CREATE TABLE events (
    id bigint PRIMARY KEY, device_id int NOT NULL, severity int NOT NULL, at timestamptz NOT NULL,
    value double precision NOT NULL, kind text NOT NULL, payload text);
INSERT INTO events SELECT i, i * 48271::bigint % 400, i * 16811::bigint % 7,
    timestamptz '2024-01-01' + i * 69621::bigint % 100003 * interval '1 min',
    i * 39373::bigint % 999983 / 7.0, 'kind' || i % 12, repeat('payload ', 8)
    FROM generate_series(1, 100000) i;
CREATE INDEX events_kind_at ON events (kind, at);
CREATE INDEX events_device ON events (device_id);

CREATE TABLE jobs (
    id bigint PRIMARY KEY, queue text NOT NULL, done boolean NOT NULL, run_at timestamptz NOT NULL,
    payload text);
INSERT INTO jobs SELECT i, 'q' || i % 5, i % 400 > 0,
    timestamptz '2024-01-01' + i * 48271::bigint % 60013 * interval '1 min', repeat('x', 150)
    FROM generate_series(1, 60000) i;

CREATE TABLE articles (
    id int PRIMARY KEY, author_id int, title text, body text, tags text[], words tsvector,
    published timestamptz);
INSERT INTO articles SELECT i, i % 900, 'Title ' || md5(i::text), concat_ws(' ', 'text',
    'word' || i % 3000, 'thing' || i * 7 % 5000, 'part' || i * 13 % 700, md5((i + 1)::text)),
    ARRAY['tag' || i % 1500, 'topic' || i % 90, 'all'],
    to_tsvector('simple', 'word' || i % 3000 || ' thing' || i * 7 % 5000),
    timestamptz '2024-01-01' + i * interval '3 min'
    FROM generate_series(1, 30000) i;
CREATE INDEX articles_author ON articles (author_id) INCLUDE (title);

CREATE TABLE bookings (
    id int PRIMARY KEY, room int NOT NULL, during tstzrange NOT NULL, guest text);
INSERT INTO bookings SELECT i, i % 300, tstzrange(timestamptz '2020-01-01' + i * interval '40 min',
    timestamptz '2020-01-01' + i * interval '40 min' + interval '2 hours'), repeat('guest ', 6) || i
    FROM generate_series(1, 60000) i;

CREATE TABLE places (id int PRIMARY KEY, name text, at point NOT NULL, area box, address inet);
INSERT INTO places SELECT i, 'Place ' || i, point(i * 48271::bigint % 10007, i * 16807::bigint % 10009),
    box(point(i % 5000, i % 7000), point(i % 5000 + 3, i % 7000 + 3)),
    ('10.' || i % 250 || '.' || i / 250 % 250 || '.' || i % 199)::inet
    FROM generate_series(1, 50000) i;

CREATE TABLE log (id bigint, at timestamptz NOT NULL, level int NOT NULL, message text);
INSERT INTO log SELECT i, timestamptz '2024-01-01' + i * interval '5 seconds', i % 6,
    repeat('message ', 20) FROM generate_series(1, 250000) i;

CREATE TABLE urls (id int PRIMARY KEY, url text NOT NULL, hits int NOT NULL);
INSERT INTO urls SELECT i, 'https://www.example.com/' || md5(i::text) || '/' || md5((i + 7)::text) ||
    '/' || md5((i + 9)::text) || '?session=' || md5((i + 11)::text), i % 77
    FROM generate_series(1, 40000) i;

CREATE TABLE settings (name text PRIMARY KEY, value text);
INSERT INTO settings SELECT 'name' || i, 'value' || i FROM generate_series(1, 40) i;
CREATE TABLE countries (id int, name text);
INSERT INTO countries SELECT i, 'c' || i FROM generate_series(1, 40) i;
CREATE UNLOGGED TABLE scratch (id int, name text);
INSERT INTO scratch SELECT i, 'n' || i FROM generate_series(1, 300) i;

CREATE TABLE wide (id int PRIMARY KEY, score int NOT NULL, filler text NOT NULL);
INSERT INTO wide SELECT i, i * 7919 % 1000, repeat('filler ', 100) FROM generate_series(1, 20000) i;

CREATE TABLE counters (id int PRIMARY KEY, shop int NOT NULL, hits int NOT NULL, label text);
INSERT INTO counters SELECT i, i % 40, i % 1000, repeat('label ', 5) FROM generate_series(1, 20000) i;

CREATE TABLE documents (id int PRIMARY KEY, owner text, state text NOT NULL, data jsonb NOT NULL);
INSERT INTO documents SELECT i, 'Owner' || i % 9000, CASE WHEN i % 90 = 0 THEN 'draft' ELSE 'final' END,
    jsonb_build_object('a', i % 4000, 'b', 'x' || i % 7, 'c', 'y' || i)
    FROM generate_series(1, 30000) i;
CREATE INDEX documents_data ON documents USING gin (data);
CREATE INDEX documents_owner ON documents (lower(owner));
CREATE INDEX documents_draft ON documents (id) WHERE state = 'draft';
