-- Statements whose best index is known, each by building the first of its forms and reading buffers; see wanted.sql.

-- equality
--: container (number)...
SELECT * FROM container WHERE number = 'MSKU0012395';

-- nullable equality
--: shipment (po_number)... | shipment (po_number) WHERE po_number IS NOT NULL
SELECT id, ref, status FROM shipment WHERE po_number = 'PO-4711';

-- citext equality
--: client (email)...
SELECT id, name FROM client WHERE email = 'desk77@client77.example' AND deleted_at IS NULL;

-- range
--: shipment (weight_kg)...
SELECT id, ref, weight_kg FROM shipment WHERE weight_kg > 24900;

-- list
--: stop (consignee_id)...
SELECT route_id, seq, done_at FROM stop WHERE consignee_id IN (17, 4711, 80015, 61234);

-- equality and range
--: bill (client_id, issued_on)... | bill (client_id)
SELECT id, amount, issued_on FROM bill WHERE client_id = '4b43b0aee35624cd95b910189b3dc231' AND issued_on >= '2024-06-01' AND issued_on < '2024-09-01';

-- order and limit
--: bill (amount)... | bill (amount DESC)...
SELECT id, amount, client_id FROM bill ORDER BY amount DESC LIMIT 20;

-- equality, order and limit
--: container (depot, sealed_at)... | container (depot, sealed_at DESC)...
SELECT id, number FROM container WHERE depot = 61 ORDER BY sealed_at DESC LIMIT 25;

-- nulls last
--: consignee (rank DESC NULLS LAST)... | consignee (rank)... | consignee (rank...) WHERE rank IS NOT NULL
SELECT id, name, rank FROM consignee WHERE rank IS NOT NULL ORDER BY rank DESC NULLS LAST LIMIT 15;

-- mixed directions
--: container (size DESC, tare_kg)... | container (size, tare_kg DESC)...
SELECT id, number FROM container ORDER BY size DESC, tare_kg ASC LIMIT 30;

-- join
--: container (shipment_id)...
SELECT s.ref, c.number, c.seal FROM shipment s JOIN container c ON c.shipment_id = s.id WHERE s.ref = 'SHP000123456';

-- join of rare with many
--: shipment (client_id)... | shipment (client_id, ...)...
SELECT c.account_no, s.ref FROM client c JOIN shipment s ON s.client_id = c.id WHERE c.account_no IN ('A00039000', 'A00038111');

-- anti-join
--: shipment (status)... | shipment (...) WHERE status = 'exception'... | shipment (status, ...)...
SELECT s.id FROM shipment s WHERE s.status = 'exception' AND NOT EXISTS (SELECT 1 FROM bill b WHERE b.shipment_id = s.id);

-- semi-join
--: tracking (shipment_id) WHERE code = 'damage' | tracking (code, shipment_id) | tracking (code) INCLUDE (shipment_id) | tracking (code...)... | tracking (...) WHERE code = 'damage'...
SELECT id, ref FROM shipment WHERE id IN (SELECT shipment_id FROM tracking WHERE code = 'damage');

-- group of a range
--: truck_position (truck_id, at) INCLUDE (speed) | truck_position (truck_id...)...
SELECT date_trunc('hour', at), max(speed) FROM truck_position WHERE truck_id = 815 GROUP BY 1;

-- queue
--: outbox (id) WHERE sent_at IS NULL | outbox (...) WHERE sent_at IS NULL
SELECT id, topic, payload FROM outbox WHERE sent_at IS NULL ORDER BY id LIMIT 100 FOR UPDATE SKIP LOCKED;

-- unpaid and overdue
--: bill (due_on) WHERE paid_at IS NULL | bill (due_on...) WHERE paid_at IS NULL... | bill (...) WHERE paid_at IS NULL...
SELECT client_id, sum(amount) FROM bill WHERE paid_at IS NULL AND due_on < '2024-02-01' GROUP BY client_id;

-- rare flag
--: bill (client_id) WHERE disputed | bill (...) WHERE disputed
SELECT id, client_id, amount FROM bill WHERE disputed AND currency = 'EUR';

-- flag and order
--: client (created_at) WHERE credit_hold | client (...) WHERE credit_hold | client (...) WHERE credit_hold...
SELECT id, name FROM client WHERE credit_hold ORDER BY created_at DESC LIMIT 20;

-- expression
--: client (lower(name)) | client ((lower(name)))...
SELECT id, account_no FROM client WHERE lower(name) = 'c9f0f895fb98ab9159f51fd0297e236d ltd';

-- expression of two columns
--: container (((size || '-'::text) || seal)) | container (...seal...)...
SELECT id FROM container WHERE size::text || '-' || seal = '40-Sc4ca4238a0b923820dcc509a6f75849b';

-- path of jsonb
--: shipment ((attributes ->> 'bl')) | shipment (...attributes ->> 'bl'...)... | shipment USING gin (attributes...)
SELECT id, ref FROM shipment WHERE attributes ->> 'bl' = 'BL4711';

-- containment in jsonb
--: shipment USING gin (attributes jsonb_path_ops) | shipment USING gin (attributes...)
SELECT id, ref FROM shipment WHERE attributes @> '{"parties": [{"role": "notify", "ref": "N815"}]}';

-- nested path
--: client (((settings -> 'edi') ->> 'id')) | client (...settings...'edi'...'id'...)... | client ((settings #>> '{edi,id}'))
SELECT id, name FROM client WHERE settings -> 'edi' ->> 'id' = 'E815';

-- array overlaps
--: client USING gin (labels) | client USING gin (labels...)
SELECT id, name FROM client WHERE labels && ARRAY['k77', 'k1234'];

-- anywhere in a text
--: consignee USING gin (name gin_trgm_ops) | consignee USING gin (name ...gin_trgm_ops)
SELECT id, name, city FROM consignee WHERE name ILIKE '%a3f9c%';

-- full text
--: shipment USING gin (search)
SELECT id, ref FROM shipment WHERE search @@ to_tsquery('simple', '1679091 | 4e732c');

-- full text of an expression
--: shipment USING gin (to_tsvector('english', goods)) | shipment USING gin (...to_tsvector('english'::regconfig, goods)...)
SELECT id, ref FROM shipment WHERE to_tsvector('english', goods) @@ plainto_tsquery('english', 'c81e72 and eccbc');

-- range at an instant
--: voyage USING gist (under_way)
SELECT id, vessel_id FROM voyage WHERE under_way @> timestamptz '2023-01-04 12:00+00';

-- lane and validity
--: rate (load_port, discharge_port)... | rate USING gist (load_port, discharge_port, valid) | rate (discharge_port, load_port)... | rate USING gist (...valid...)
SELECT carrier_id, price FROM rate WHERE load_port = 200 AND discharge_port = 180 AND valid && daterange('2024-05-01', '2024-06-01') ORDER BY price LIMIT 5;

-- block ranges
--: truck_position USING brin (at) | truck_position (at)... | truck_position USING brin (at...)
SELECT count(*), avg(speed) FROM truck_position WHERE at >= '2025-01-20' AND at < '2025-01-21';

-- beginning of a text
--: consignee (zip text_pattern_ops) | consignee (zip varchar_pattern_ops)... | consignee (zip text_pattern_ops)... | consignee (zip)...
SELECT id, name, zip FROM consignee WHERE zip LIKE '8033%';

-- latest of each
--: tracking (shipment_id, at)... | tracking (shipment_id, at DESC)... | tracking (shipment_id)...
SELECT DISTINCT ON (shipment_id) shipment_id, code, at FROM tracking WHERE shipment_id IN (77, 78, 79, 80) ORDER BY shipment_id, at DESC;

-- keyset pages
--: shipment (destination, booked_at, id)... | shipment (destination, booked_at...)...
SELECT id, ref, booked_at FROM shipment WHERE destination = 60 AND (booked_at, id) < ('2024-06-01', 180000) ORDER BY booked_at DESC, id DESC LIMIT 50;

-- first of a window
--: bill (client_id)... | bill (client_id, ...)...
SELECT * FROM (SELECT b.id, b.amount, row_number() OVER (PARTITION BY b.client_id ORDER BY b.amount DESC) AS n FROM bill b WHERE b.client_id IN ('4b43b0aee35624cd95b910189b3dc231', 'a87ff679a2f3e71d9181a67b7542122c')) x WHERE n <= 3;

-- update
--: container (seal)... | container (seal) WHERE ...
UPDATE container SET depot = 5 WHERE seal = 'Sc4ca4238a0b923820dcc509a6f75849b';

-- delete
--: audit (object)...
DELETE FROM audit WHERE object = 'shipment:4711';

-- view over a join
--: shipment (client_id)... | shipment (client_id, ...)... | shipment (client_id...) WHERE ...
SELECT ref, client_name FROM open_shipment WHERE client_id = '0d3a95b2c2a1f15ea9a3a8f9fe4a7a9b' ORDER BY booked_at;

-- foreign key's other side
--: voyage (vessel_id, id)... | voyage (vessel_id, id DESC)...
SELECT v.name, y.discharge_port FROM vessel v LEFT JOIN LATERAL (SELECT discharge_port FROM voyage WHERE vessel_id = v.id ORDER BY id DESC LIMIT 1) y ON true WHERE v.imo = 9001234;

-- latest of a long list
--: bill (client_id, id DESC)... | bill (client_id, id)... | bill (client_id)...
SELECT id, amount FROM bill WHERE client_id = '4b43b0aee35624cd95b910189b3dc231' ORDER BY id DESC LIMIT 10;
