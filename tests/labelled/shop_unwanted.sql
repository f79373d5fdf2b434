-- Statements that no index should be suggested for.

-- any of array
SELECT id FROM shop.tickets WHERE 'm1' = ANY(labels);

-- neq
SELECT * FROM shop.tickets WHERE status <> 'escalated';

-- unique there
SELECT * FROM shop.products WHERE sku = 'SKU-x';

-- prefix there
SELECT * FROM shop.tickets WHERE org_id = 7;

-- most
SELECT * FROM shop.products WHERE active;

-- half
SELECT * FROM shop.products WHERE price > 600;

-- trunc tz
SELECT * FROM shop.tickets WHERE date_trunc('day', created_at) = '2023-02-02';

-- cast tz
SELECT * FROM shop.tickets WHERE created_at::date = '2023-02-02';

-- now volatile
SELECT * FROM shop.tickets WHERE created_at < clock_timestamp();

-- tiny
SELECT * FROM shop.plans WHERE price = 5;

-- whole group
SELECT status, count(*) FROM shop.tickets GROUP BY status;

-- distinct few
SELECT DISTINCT status FROM shop.tickets;

-- whole partition
SELECT avg(val) FROM shop.readings;

-- order all
SELECT * FROM shop.tickets ORDER BY updated_at;

-- limit no order
SELECT * FROM shop.messages LIMIT 100;

-- offset
SELECT * FROM shop.messages ORDER BY id LIMIT 10 OFFSET 100000;

-- pk range
SELECT * FROM shop.messages WHERE id BETWEEN 5 AND 50;

-- insert select
INSERT INTO shop.plans SELECT 'x', 3;

-- update all
UPDATE shop.products SET price = price * 1.1;

-- ilike short
SELECT * FROM shop.products WHERE title ILIKE '%a%';

-- jsonb common key
SELECT count(*) FROM shop."Users" WHERE settings ? 'theme';

-- jsonb exists null
SELECT * FROM shop."Users" WHERE settings IS NOT NULL;

-- 1=1
SELECT * FROM shop."Users" WHERE 1 = 1;

-- join of all rows
SELECT t.*, u."Email" FROM shop.tickets t JOIN shop."Users" u ON u."Id" = t.assignee;

-- in most
SELECT * FROM shop.tickets WHERE priority IN (0, 1, 2, 3);

-- not like
SELECT * FROM shop.products WHERE title NOT LIKE 'Product a%';

-- all ranges
SELECT * FROM shop.rooms_booked WHERE stay && daterange('2019-01-01', NULL);

-- generate
SELECT * FROM generate_series(1, 100);

-- random order
SELECT * FROM shop.products ORDER BY random() LIMIT 1;

-- is not null mostly
SELECT * FROM shop.tickets WHERE closed_at IS NOT NULL;

-- unlogged
SELECT count(DISTINCT org_id) FROM shop.tickets;
