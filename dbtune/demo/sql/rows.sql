-- The shop's rows: the same on every machine but for the date.

SELECT setseed(0.42);

INSERT INTO categories (id, name)
SELECT i, 'Category ' || i FROM generate_series(1, 50) AS i;

INSERT INTO products (sku, ean, name, description, category_id, price, stock, active, attributes)
SELECT
    'SKU-' || lpad(i::text, 6, '0'),
    -- Ten products share the code of their neighbour: see "invalid-index".
    lpad((4000000000000 + i - (i % 1000 = 0)::int)::text, 13, '0'),
    (ARRAY['Red', 'Blue', 'Green', 'Black', 'White', 'Grey'])[1 + i % 6] || ' '
        || (ARRAY['chair', 'lamp', 'table', 'shelf', 'sofa', 'rug', 'desk'])[1 + i % 7] || ' ' || i,
    repeat('Made of wood, steel and good intentions. ', 3 + i % 4),
    1 + i % 50,
    round((5 + random() * 500)::numeric, 2),
    1000000,
    i % 40 <> 0,
    jsonb_build_object('colour', i % 6, 'weight_kg', i % 90, 'tags', jsonb_build_array(i % 7, i % 11))
FROM generate_series(1, 10000) AS i;

INSERT INTO customers (email, name, country, created_at)
SELECT
    'Customer.' || i || '@example.org',
    'Customer ' || i,
    (ARRAY['DE', 'FR', 'GB', 'US', 'ES', 'IT', 'NL', 'PL'])[1 + floor(8 * random() ^ 2)::int],
    now() - i * interval '50 minutes'
FROM generate_series(1, 20000) AS i;

-- Customer 1 is the guest account, to which every second order belongs: see "high-variance".
INSERT INTO orders (customer_id, status, total, created_at, note)
SELECT
    CASE WHEN i % 2 = 0 THEN 1 ELSE 2 + floor(random() * 19999)::int END,
    CASE WHEN i > 99000 THEN 'open' WHEN random() < 0.03 THEN 'returned' ELSE 'delivered' END,
    round((10 + random() * 900)::numeric, 2),
    now() - (100000 - i) * interval '75 seconds',
    CASE WHEN i % 20 = 0 THEN 'Please ring twice, order ' || i END
FROM generate_series(1, 100000) AS i;

INSERT INTO order_items (order_id, line, product_id, quantity, price)
SELECT
    o.id,
    line,
    1 + floor(10000 * random() ^ 2)::int,
    1 + floor(random() * 4)::int,
    round((5 + random() * 300)::numeric, 2)
FROM orders AS o, generate_series(1, 1 + (o.id % 4)::int) AS line;

INSERT INTO payments (order_id, method, amount, paid_at)
SELECT
    id,
    (ARRAY['card', 'transfer', 'paypal'])[1 + id % 3],
    total,
    created_at + interval '10 minutes'
FROM orders;

INSERT INTO reviews (product_id, customer_id, stars, body)
SELECT
    1 + floor(10000 * random())::int,
    1 + floor(20000 * random())::int,
    1 + floor(5 * random())::int,
    repeat('Does what it should. ', 10 + i % 20)
FROM generate_series(1, 20000) AS i;

INSERT INTO events (occurred_at, customer_id, kind, path, agent)
SELECT
    current_date - 181 + (i % 182) + random() * interval '23 hours',
    1 + floor(20000 * random())::int,
    (ARRAY['view', 'view', 'view', 'search', 'cart'])[1 + i % 5],
    '/product/' || (i * 7919) % 10000,
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/' || i % 30
FROM generate_series(1, 60000) AS i;

INSERT INTO sessions (token, customer_id, data, last_seen)
SELECT
    md5(i::text)::uuid,
    1 + floor(20000 * random())::int,
    repeat(md5(i::text), 8),
    now() - random() * interval '30 days'
FROM generate_series(1, 30000) AS i;

INSERT INTO audit_log (at, actor, action, detail)
SELECT
    now() - (60000 - i) * interval '2 minutes',
    'user' || i % 25,
    (ARRAY['login', 'edit', 'export'])[1 + i % 3],
    jsonb_build_object('object', i, 'from', '10.0.0.' || i % 250)
FROM generate_series(1, 60000) AS i;

INSERT INTO jobs (kind, run_at, payload)
SELECT 'send-mail', now() - i * interval '1 second', repeat(md5(i::text), 10)
FROM generate_series(1, 40000) AS i;

INSERT INTO invoices (order_id, issued_on)
SELECT id, created_at::date FROM orders WHERE id > 95000 ORDER BY id;

-- stale-statistics: analyzed with 2,000 rows of last year, and never since.
INSERT INTO stock_movements (product_id, change, reason, moved_at)
SELECT 1 + i % 10000, 100, 'delivery', now() - interval '400 days' + i * interval '1 minute'
FROM generate_series(1, 2000) AS i;

ANALYZE stock_movements;

INSERT INTO stock_movements (product_id, change, reason, moved_at)
SELECT
    1 + (i * 7919) % 10000,
    -1 - i % 3,
    CASE WHEN i % 4 = 0 THEN 'correction' ELSE 'sale' END,
    now() - i * interval '1 minute'
FROM generate_series(1, 60000) AS i;
