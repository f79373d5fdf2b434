-- Statements whose best index is known. Behind --: stands each index that is wanted, in forms that
-- are equally good: table, method unless it is a b-tree, keys; ... stands for anything.

-- equality
--: orders (customer_id)...
SELECT * FROM orders WHERE customer_id = 4711;

-- list
--: orders (coupon)...
SELECT * FROM orders WHERE coupon IN ('coupon16', 'coupon80');

-- two equalities
--: customers (last_name...) | customers (first_name, last_name)
SELECT * FROM customers WHERE last_name = 'Last77' AND first_name = 'First8';

-- equality and range
--: events (severity, at...) | events (severity DESC, at...)
SELECT * FROM events WHERE severity = 3 AND at BETWEEN '2024-02-01' AND '2024-02-02';

-- narrow range
--: orders (total) | orders (archived, total)
SELECT * FROM orders WHERE total BETWEEN 500 AND 501;

-- top
--: events (value...)
SELECT * FROM events ORDER BY value DESC LIMIT 10;

-- top of a group
--: events (device_id, at...)
SELECT * FROM events WHERE device_id = 7 ORDER BY at DESC LIMIT 20;

-- mixed directions
--: events (severity DESC, at) | events (severity, at DESC)
SELECT * FROM events ORDER BY severity DESC, at LIMIT 30;

-- nulls last
--: orders (shipped_at DESC NULLS LAST)... | orders (shipped_at NULLS FIRST)...
SELECT id, shipped_at FROM orders ORDER BY shipped_at DESC NULLS LAST LIMIT 10;

-- maximum
--: orders (total...)
SELECT max(total) FROM orders;

-- join
--: customers (email)...
--: orders (customer_id)...
SELECT o.* FROM customers c JOIN orders o ON o.customer_id = c.id WHERE c.email = 'user77@Example.com';

-- exists
--: customers (city...)...
--: orders (customer_id)...
SELECT count(*) FROM customers c WHERE c.city = 'City 93' AND NOT EXISTS (SELECT FROM orders o WHERE o.customer_id = c.id);

-- covering
--: orders (customer_id) INCLUDE (total) | orders (customer_id, total)
SELECT customer_id, sum(total) FROM orders WHERE customer_id BETWEEN 100 AND 3000 GROUP BY customer_id;

-- page
--: orders (placed...
SELECT * FROM orders WHERE (placed, id) < ('2023-03-01', 5000) ORDER BY placed DESC, id DESC LIMIT 20;

-- groups
--: orders (coupon)...
SELECT coupon, count(*) FROM orders GROUP BY coupon ORDER BY coupon LIMIT 5;

-- update
--: orders (coupon)
UPDATE orders SET quantity = 1 WHERE coupon = 'coupon2000';

-- delete
--: customers (email)
DELETE FROM customers WHERE email = 'user77@Example.com';

-- extended
--: articles (author_id, published...)...
SELECT id, title, published FROM articles WHERE author_id = 55 ORDER BY published DESC LIMIT 5;

-- extended, with what it stores
--: articles (author_id, published...) INCLUDE (...title...)
SELECT * FROM articles WHERE author_id = 56 ORDER BY published DESC LIMIT 5;

-- pattern with a beginning
--: customers (phone varchar_pattern_ops) | customers (phone text_pattern_ops)
SELECT * FROM customers WHERE phone LIKE '+490017%';

-- rare status
--: orders (placed) WHERE status = 'open' | orders (status, placed)
SELECT * FROM orders WHERE status = 'open' ORDER BY placed LIMIT 50;

-- rare statuses
--: orders (placed) WHERE status IN ('open', 'lost') | orders (placed...)
SELECT * FROM orders WHERE status IN ('open', 'lost') ORDER BY placed LIMIT 20;

-- queue
--: jobs (run_at) WHERE NOT done | jobs (run_at...) WHERE ...done...
SELECT * FROM jobs WHERE NOT done ORDER BY run_at LIMIT 10;

-- deleted
--: customers (...) WHERE deleted_at IS NOT NULL | customers (deleted_at)...
SELECT id, deleted_at FROM customers WHERE deleted_at IS NOT NULL;

-- roots
--: customers (...) WHERE parent_id IS NULL | customers (parent_id)
SELECT * FROM customers WHERE parent_id IS NULL;

-- flag
--: customers (...) WHERE vip... | customers (...) WHERE ...vip...
SELECT * FROM customers WHERE vip AND country = 'c0';

-- not archived
--: orders (total) WHERE NOT archived | orders (archived, total)
SELECT * FROM orders WHERE NOT archived AND total > 9900;

-- lower
--: customers ((lower(email)))
SELECT * FROM customers WHERE lower(email) = 'user77@example.com';

-- lower, beginning
--: customers ((lower(last_name)) text_pattern_ops)
SELECT * FROM customers WHERE lower(last_name) LIKE 'last77%';

-- day
--: customers (((created)::date))
SELECT * FROM customers WHERE created::date = '2021-05-05';

-- month in a zone
--: orders ((((placed AT TIME ZONE 'UTC'::text))::date))... | orders (...AT TIME ZONE...)
SELECT count(*) FROM orders WHERE (placed AT TIME ZONE 'UTC')::date = '2022-07-07';

-- truncated
--: customers ((date_trunc('day'::text, created)))
SELECT * FROM customers WHERE date_trunc('day', created) = '2021-05-05';

-- member
--: customers ((profile ->> 'sku'::text)) | customers USING gin (profile...)
SELECT * FROM customers WHERE profile->>'sku' = 'S77';

-- number of a member
--: customers ((((profile ->> 'qty'::text))::integer))
SELECT * FROM customers WHERE (profile->>'qty')::int BETWEEN 997 AND 998;

-- coalesce
--: customers ((COALESCE(nick, last_name)))
SELECT * FROM customers WHERE COALESCE(nick, last_name) = 'nick300';

-- computed
--: orders ((total * (quantity)::numeric))
SELECT * FROM orders WHERE total * quantity = 489500;

-- order by lower
--: customers ((lower(last_name))...)
SELECT * FROM customers ORDER BY lower(last_name), id LIMIT 10;

-- two expressions
--: customers (...(lower(last_name))...)
SELECT * FROM customers WHERE lower(last_name) = 'last7' AND lower(first_name) = 'first7';

-- contains
--: customers USING gin (profile jsonb_path_ops)
SELECT * FROM customers WHERE profile @> '{"sku": "S123"}';

-- has key
--: customers USING gin (profile)
SELECT * FROM customers WHERE profile ? 'rare';

-- inner array
--: customers USING gin ((profile -> 'tags'::text))
SELECT * FROM customers WHERE profile->'tags' ? 't77';

-- json path
--: customers USING gin (profile jsonb_path_ops)
SELECT * FROM customers WHERE profile @@ '$.sku == "S99"';

-- json path exists
--: customers USING gin (profile jsonb_path_ops)
SELECT * FROM customers WHERE profile @? '$.tags[*] ? (@ == "t77")';

-- array contains
--: articles USING gin (tags)
SELECT * FROM articles WHERE tags @> ARRAY['tag77'];

-- array overlaps
--: articles USING gin (tags)
SELECT id FROM articles WHERE tags && ARRAY['tag7', 'tag8'];

-- full text
--: articles USING gin ((to_tsvector('english'::regconfig, body)))
SELECT * FROM articles WHERE to_tsvector('english', body) @@ to_tsquery('english', 'word77');

-- text vector
--: articles USING gin (words)
SELECT * FROM articles WHERE words @@ to_tsquery('simple', 'word77 & thing539');

-- anywhere
--: articles USING gin (title ...gin_trgm_ops)
SELECT * FROM articles WHERE title LIKE '%a1b2c%';

-- anywhere, any case
--: customers USING gin (last_name ...gin_trgm_ops)
SELECT * FROM customers WHERE last_name ILIKE '%ast777%';

-- ranges overlap
--: bookings USING gist (during)
SELECT * FROM bookings WHERE during && tstzrange('2022-02-02', '2022-02-03');

-- range contains
--: bookings USING gist (during)
SELECT * FROM bookings WHERE during @> timestamptz '2022-02-02 12:00';

-- in a box
--: places USING gist (at) | places USING spgist (at)
SELECT * FROM places WHERE at <@ box '((100,100),(300,300))';

-- nearest
--: places USING gist (at) | places USING spgist (at)
SELECT id, name FROM places ORDER BY at <-> point '(500,500)' LIMIT 5;

-- boxes overlap
--: places USING gist (area) | places USING spgist (area)
SELECT * FROM places WHERE area && box '((10,10),(40,40))';

-- network
--: places USING gist (address inet_ops) | places USING spgist (address) | places (address)
SELECT * FROM places WHERE address << inet '10.7.0.0/16';

-- block ranges
--: log USING brin (at)...
SELECT count(*), min(message) FROM log WHERE at BETWEEN '2024-01-05' AND '2024-01-07';

-- long keys
--: urls USING hash (url)
SELECT hits FROM urls WHERE url = 'https://www.example.com/none';
