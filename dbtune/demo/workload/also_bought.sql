-- unindexed-foreign-key: who bought this also bought ...
\set product random(1, 10000)
SELECT product_id, count(*) AS orders
FROM order_items
WHERE order_id IN (SELECT order_id FROM order_items WHERE product_id = :product)
GROUP BY product_id ORDER BY orders DESC LIMIT 5;
