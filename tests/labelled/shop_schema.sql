-- Another application's tables, in a schema of their own, with names that need quotes.
CREATE EXTENSION pg_trgm;
CREATE EXTENSION btree_gist;
CREATE EXTENSION citext;
CREATE EXTENSION hstore;
CREATE EXTENSION ltree;
CREATE SCHEMA shop;
CREATE TYPE shop.state AS ENUM ('draft','active','suspended','closed');
CREATE TABLE shop."Users" ("Id" uuid PRIMARY KEY, "Email" citext NOT NULL, "UserName" text, state shop.state NOT NULL, is_admin bool NOT NULL DEFAULT false, deleted_at timestamp, last_seen timestamptz, settings jsonb NOT NULL DEFAULT '{}', bio text, org_id int);
INSERT INTO shop."Users"
    SELECT md5(i::text)::uuid, 'User'||i||'@mail.org', 'Name'||i%25000, (CASE WHEN i%300=0 THEN 'suspended' WHEN i%7=0 THEN 'draft' ELSE 'active' END)::shop.state, i%1000=0, CASE WHEN i%40=0 THEN now()::timestamp END, CASE WHEN i%5>0 THEN now()-i*interval '1 minute' END, jsonb_build_object('theme', 't'||i%4, 'lang', 'l'||i%2000, 'plan', jsonb_build_object('name','p'||i%5,'seats',i%3000)), repeat('bio ',20)||i, i%2500
    FROM generate_series(1,60000) i;
CREATE TABLE shop.tickets (id bigserial PRIMARY KEY, org_id int NOT NULL, assignee uuid, status text NOT NULL, priority smallint NOT NULL, subject text NOT NULL, body text, created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL, closed_at timestamptz, labels text[] NOT NULL, meta jsonb, search tsvector GENERATED ALWAYS AS (to_tsvector('english', subject)) STORED);
INSERT INTO shop.tickets(org_id,assignee,status,priority,subject,body,created_at,updated_at,closed_at,labels,meta)
    SELECT i*7919%2500, CASE WHEN i%11>0 THEN md5((i*31%60000+1)::text)::uuid END, CASE WHEN i%150=0 THEN 'escalated' WHEN i%20=0 THEN 'open' ELSE 'closed' END, i%5, 'Subject '||md5(i::text)||' word'||i%900, repeat('text ',15), timestamptz '2023-01-01'+i*interval '5 min', timestamptz '2023-01-01'+(i*7919%120000)*interval '5 min', CASE WHEN i%20>0 AND i%150>0 THEN timestamptz '2023-02-01'+i*interval '5 min' END, ARRAY['l'||i%700,'m'||i%3], jsonb_build_object('source','s'||i%6,'ref',i)
    FROM generate_series(1,120000) i;
CREATE INDEX tickets_org ON shop.tickets(org_id, status);
CREATE TABLE shop.messages (id bigint PRIMARY KEY, ticket_id bigint REFERENCES shop.tickets, sent timestamp NOT NULL, sender text, content text, read bool NOT NULL, attrs hstore, path ltree);
INSERT INTO shop.messages
    SELECT i, 1+i*104729::bigint%120000, timestamp '2023-01-01'+i*interval '1 min', 'sender'||i%4000, 'message number '||i, i%250>0, hstore('k'||i%50,'v'||i%5000), ('root.a'||i%40||'.b'||i%900)::ltree
    FROM generate_series(1,150000) i;
CREATE TABLE shop.readings (sensor int NOT NULL, ts timestamptz NOT NULL, val numeric NOT NULL, extra text) PARTITION BY RANGE (ts);
CREATE TABLE shop.readings_a PARTITION OF shop.readings FOR VALUES FROM ('2023-01-01') TO ('2023-02-01');
CREATE TABLE shop.readings_b PARTITION OF shop.readings FOR VALUES FROM ('2023-02-01') TO ('2023-04-01');
INSERT INTO shop.readings
    SELECT i*7919%500, timestamptz '2023-01-01'+i*interval '30 seconds', i%1000/3.0, repeat('x',60)
    FROM generate_series(1,200000) i;
CREATE TABLE shop.rooms_booked (id int PRIMARY KEY, room int NOT NULL, stay daterange NOT NULL, guest text);
INSERT INTO shop.rooms_booked
    SELECT i, i*7919%2000, daterange(date '2020-01-01'+i%1500, date '2020-01-01'+i%1500+3), repeat('g',40)
    FROM generate_series(1,80000) i;
CREATE TABLE shop.branches (id int PRIMARY KEY, name text, loc point, zone polygon, ip cidr);
INSERT INTO shop.branches
    SELECT i,'Branch '||md5(i::text), point(i*48271::bigint%1009/10.0, i*16807::bigint%1013/10.0), polygon(box(point(i%300,i%400),point(i%300+1,i%400+1))), (i%200||'.'||i/200%250||'.0.0/16')::cidr
    FROM generate_series(1,40000) i;
CREATE TABLE shop.audit (id bigint NOT NULL, at timestamptz NOT NULL, actor text NOT NULL, action text NOT NULL, details jsonb);
INSERT INTO shop.audit
    SELECT i, timestamptz '2023-01-01'+i*interval '10 sec', 'actor'||i%3000, 'act'||i%9, jsonb_build_object('x', repeat('y',120), 'n', i)
    FROM generate_series(1,250000) i;
CREATE TABLE shop.products (id int PRIMARY KEY, sku varchar(40) NOT NULL UNIQUE, title varchar(200), price numeric(10,2), category_id int, active bool NOT NULL, tags int[] NOT NULL, description text);
INSERT INTO shop.products
    SELECT i,'SKU-'||md5(i::text), 'Product '||md5((i*3)::text), i%10000/7.0, i%120, i%33>0, ARRAY[i%900, i%77], repeat('desc ',20)||i
    FROM generate_series(1,50000) i;
CREATE VIEW shop.open_tickets AS SELECT t.*, u."Email" FROM shop.tickets t LEFT JOIN shop."Users" u ON u."Id" = t.assignee WHERE t.closed_at IS NULL;
CREATE TABLE shop.plans (code text PRIMARY KEY, price int); INSERT INTO shop.plans SELECT 'p'||i, i
    FROM generate_series(1,9) i;
CREATE TABLE shop.tokens (token text NOT NULL, user_id uuid, expires timestamptz);
INSERT INTO shop.tokens
    SELECT md5(i::text)||md5((i+1)::text)||md5((i+2)::text)||md5((i+3)::text), md5(i::text)::uuid, now()+i*interval '1 sec'
    FROM generate_series(1,70000) i;
