-- large-offset: the back office leafs through old orders.
\set page random(100, 1500)
SELECT id, customer_id, status, total
FROM orders ORDER BY created_at DESC LIMIT 50 OFFSET 50 * :page;
