-- Statements that no index should be suggested for; see wanted.sql.

-- small table
SELECT id, name FROM port WHERE locode = 'ABCDE';

-- small rules
SELECT rate FROM tariff_rule WHERE country = 'DE' AND hs_prefix = '42';

-- by key
SELECT * FROM shipment WHERE id = 4711;

-- by unique
SELECT id FROM shipment WHERE ref = 'SHP000004711' FOR UPDATE;

-- by two keys
SELECT * FROM stop WHERE route_id = 815 ORDER BY seq;

-- served
SELECT id, amount FROM bill WHERE shipment_id = 4711;

-- served by its order
SELECT id, actor FROM audit ORDER BY at DESC LIMIT 50;

-- served range
SELECT id, object FROM audit WHERE at >= '2024-05-05' AND at < '2024-05-06';

-- all of it
SELECT count(*) FROM shipment;

-- groups of all
SELECT status, count(*), sum(weight_kg) FROM shipment GROUP BY status;

-- limit alone
SELECT * FROM tracking LIMIT 50;

-- common value
SELECT id, delivered_at FROM shipment WHERE status = 'delivered' AND deleted_at IS NULL;

-- common flag
SELECT sum(amount) FROM bill WHERE NOT disputed AND paid_at IS NOT NULL;

-- most of a range
SELECT id, goods FROM shipment WHERE booked_at > '2023-03-01' AND weight_kg < 20000;

-- negation
SELECT id, memo FROM bill WHERE currency <> 'GBP';

-- random order
SELECT id, name FROM consignee ORDER BY random() LIMIT 10;

-- stable function
SELECT count(*) FROM shipment WHERE is_late(eta);

-- arithmetic that is true for most
SELECT id FROM truck_position t JOIN vessel v ON v.id = t.truck_id WHERE t.speed + 1 > 0;

-- month as text
SELECT count(*) FROM bill WHERE to_char(issued_on::timestamptz, 'YYYY-MM') = '2024-03';

-- insert with foreign keys
INSERT INTO container (id, number, shipment_id, size, tare_kg) VALUES (9999999, 'ABCD1234567', 77, 40, 2300);

-- upsert by key
INSERT INTO idempotency (key, client_id, at) VALUES ('abc', '4b43b0aee35624cd95b910189b3dc231', now()) ON CONFLICT (key) DO UPDATE SET at = excluded.at;

-- update by key
UPDATE outbox SET sent_at = now(), attempts = attempts + 1 WHERE id = 4711;

-- referential check
SELECT 1 FROM ONLY "public"."client" x WHERE "id" OPERATOR(pg_catalog.=) '4b43b0aee35624cd95b910189b3dc231' FOR KEY SHARE OF x;

-- many keys
SELECT id, ref FROM shipment WHERE id = ANY ('{1,5,9,77,4711,90000}'::bigint[]);

-- join of everything
SELECT c.country, sum(b.amount) FROM client c JOIN bill b ON b.client_id = c.id GROUP BY c.country;
