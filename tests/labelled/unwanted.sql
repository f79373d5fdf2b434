-- Statements that no index should be suggested for.

-- primary key
SELECT * FROM orders WHERE id = 77;

-- tiny table
SELECT * FROM settings WHERE value = 'value7';

-- tiny table without key
SELECT name FROM countries WHERE id = 7;

-- small unlogged table
SELECT * FROM scratch WHERE id = 7;

-- all rows
SELECT * FROM orders;

-- count
SELECT count(*) FROM events;

-- whole-table sum
SELECT sum(total) FROM orders;

-- whole-table average
SELECT avg(value), stddev(value) FROM events;

-- most rows have the status
SELECT * FROM orders WHERE status = 'done';

-- nearly all dates
SELECT * FROM orders WHERE placed > '2022-01-02';

-- nearly all active
SELECT * FROM customers WHERE active;

-- not deleted
SELECT * FROM customers WHERE deleted_at IS NULL;

-- nearly all differ
SELECT * FROM orders WHERE status <> 'open';

-- not in
SELECT * FROM events WHERE kind NOT IN ('kind1', 'kind2');

-- some rows, whichever
SELECT * FROM orders LIMIT 10;

-- some of many rows
SELECT * FROM orders WHERE status = 'done' LIMIT 10;

-- random sample
SELECT * FROM orders WHERE random() < 0.01;

-- volatile function
SELECT * FROM orders WHERE odd(quantity);

-- day in the session's zone
SELECT * FROM orders WHERE placed::date = '2022-07-07';

-- index is there
SELECT * FROM events WHERE device_id = 77;

-- beginning of an index
SELECT * FROM events WHERE kind = 'kind99';

-- both keys of an index
SELECT * FROM events WHERE kind = 'kind1' AND at > '2024-03-10 10:00';

-- GIN is there
SELECT * FROM documents WHERE data @> '{"a": 77}';

-- expression is there
SELECT * FROM documents WHERE lower(owner) = 'owner77';

-- partial index is there
SELECT * FROM documents WHERE state = 'draft';

-- key in all documents
SELECT * FROM customers WHERE profile ? 'sku';

-- tag of all articles
SELECT * FROM articles WHERE tags @> ARRAY['all'];

-- matches everything
SELECT * FROM customers WHERE email LIKE '%@Example.com';

-- all ranges
SELECT * FROM bookings WHERE during && tstzrange('2019-01-01', '2030-01-01');

-- join of all rows
SELECT c.country, sum(o.total) FROM customers c JOIN orders o ON o.customer_id = c.id GROUP BY 1;

-- sort of all rows
SELECT * FROM customers ORDER BY notes;

-- groups of all rows
SELECT status, count(*), max(note) FROM orders GROUP BY status;

-- order of the primary key
SELECT * FROM orders ORDER BY id;

-- insert
INSERT INTO counters VALUES (0, 1, 1, 'x');

-- update of all rows
UPDATE counters SET hits = hits + 1;

-- update by key
UPDATE counters SET hits = hits + 1 WHERE id = 7;

-- delete of all rows
DELETE FROM counters;

-- distances of all
SELECT avg(at <-> point '(0,0)') FROM places;

-- system catalog
SELECT count(*) FROM pg_class WHERE relname = 'x';

-- sum of a wide table
SELECT sum(score) FROM wide;

-- count of most of a wide table
SELECT count(*), avg(score) FROM wide WHERE score > 5;
