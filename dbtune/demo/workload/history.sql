-- high-variance: nothing for a customer, a tenth of a second and more for the guest account,
-- whom every fourteenth call is about.
\set calls :calls + 1
\if (:calls + :client_id) % 14 = 0
\set customer 1
\else
\set customer random(2, 20000)
\endif
SELECT p.category_id, count(DISTINCT o.id) AS orders, sum(i.quantity * i.price) AS spent
FROM orders AS o
JOIN order_items AS i ON i.order_id = o.id
JOIN products AS p ON p.id = i.product_id
WHERE o.customer_id = :customer
GROUP BY p.category_id ORDER BY spent DESC;
