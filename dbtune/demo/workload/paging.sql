-- large-offset: the back office leafs through old orders.
\set page random(1200, 1900)
SELECT id, created_at, total
FROM orders ORDER BY created_at DESC LIMIT 50 OFFSET 50 * :page;
