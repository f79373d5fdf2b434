-- row-by-row-write: a supplier's price list, one statement and one transaction a line.
\set supplier random(1, 20)
\set product random(1, 10000)
INSERT INTO price_feed (supplier_id, sku, price)
VALUES (:supplier, 'SKU-' || lpad(:product::text, 6, '0'), :product / 100.0);
