-- What is wrong with the shop, each under its name in planted.py; the workload does the rest.
-- A statement marked "fails on purpose" does.

-- unused-index, and low-selectivity-index
CREATE INDEX orders_note_idx ON orders (note);

CREATE INDEX products_active_idx ON products (active);

-- duplicate-index
CREATE INDEX orders_by_date ON orders (created_at);

-- redundant-index
CREATE INDEX orders_customer_id_idx ON orders (customer_id);

-- invalid-index; fails on purpose
CREATE UNIQUE INDEX CONCURRENTLY products_ean_key ON products (ean);

-- unvalidated-constraint
ALTER TABLE reviews
    ADD CONSTRAINT reviews_product_id_fkey FOREIGN KEY (product_id) REFERENCES products NOT VALID;

-- Everything is in order here ...
VACUUM (ANALYZE) categories, products, customers, orders, order_items, payments, reviews, events,
    sessions, invoices, price_feed;

-- ... but for audit_log, which is only analyzed (never-vacuumed)
ANALYZE audit_log;

-- dead-rows
UPDATE sessions SET last_seen = last_seen + interval '1 hour';

UPDATE sessions SET last_seen = last_seen + interval '1 hour';

DELETE FROM sessions WHERE last_seen < now() - interval '15 days';

-- empty-pages
DELETE FROM jobs WHERE id % 100 <> 0;

VACUUM (ANALYZE, TRUNCATE off) jobs;

-- abandoned-slot
SELECT pg_create_physical_replication_slot('old_standby', true);

-- superuser-role (nobody can log in with it: it has no password)
CREATE ROLE legacy_report SUPERUSER LOGIN;

-- writable-public-schema
GRANT CREATE ON SCHEMA public TO PUBLIC;

-- The application's own role, as it should be.
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO shop;
