-- n-plus-one: a page of ten orders, then the customer of each.
SELECT id, customer_id, status, total
FROM orders ORDER BY created_at DESC LIMIT 10;
\set customer random(1, 20000)
SELECT name, country FROM customers WHERE id = :customer;
\set customer random(1, 20000)
SELECT name, country FROM customers WHERE id = :customer;
\set customer random(1, 20000)
SELECT name, country FROM customers WHERE id = :customer;
\set customer random(1, 20000)
SELECT name, country FROM customers WHERE id = :customer;
\set customer random(1, 20000)
SELECT name, country FROM customers WHERE id = :customer;
\set customer random(1, 20000)
SELECT name, country FROM customers WHERE id = :customer;
\set customer random(1, 20000)
SELECT name, country FROM customers WHERE id = :customer;
\set customer random(1, 20000)
SELECT name, country FROM customers WHERE id = :customer;
\set customer random(1, 20000)
SELECT name, country FROM customers WHERE id = :customer;
\set customer random(1, 20000)
SELECT name, country FROM customers WHERE id = :customer;
