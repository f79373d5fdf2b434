-- An order's page; unindexed-foreign-key for its payments.
\set order random(1, 100000)
SELECT id, customer_id, status, total, created_at
FROM orders WHERE id = :order;
SELECT line, product_id, quantity, price
FROM order_items WHERE order_id = :order ORDER BY line;
SELECT method, amount, paid_at
FROM payments WHERE order_id = :order;
