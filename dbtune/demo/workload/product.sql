-- A product's page: in order.
\set product random_zipfian(1, 10000, 1.2)
SELECT id, name, description, price, stock
FROM products WHERE id = :product AND active;
SELECT stars, body
FROM reviews WHERE product_id = :product ORDER BY id DESC LIMIT 5;
