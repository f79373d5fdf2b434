-- An order is placed: in order.
\set customer random(2, 20000)
\set product random(1, 10000)
\set quantity random(1, 4)
BEGIN;
INSERT INTO orders (customer_id, status, total, created_at)
VALUES (:customer, 'open', 99.90, now()) RETURNING id AS order_id \gset
INSERT INTO order_items (order_id, line, product_id, quantity, price)
VALUES (:order_id, 1, :product, :quantity, 99.90);
UPDATE products SET stock = stock - :quantity WHERE id = :product;
INSERT INTO payments (order_id, method, amount, paid_at)
VALUES (:order_id, 'card', 99.90, now());
INSERT INTO invoices (order_id, issued_on) VALUES (:order_id, current_date);
COMMIT;
