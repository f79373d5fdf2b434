-- Keys and indexes as a careful developer would make them; problems.sql has the others.

ALTER TABLE categories ADD PRIMARY KEY (id);

ALTER TABLE products
    ADD PRIMARY KEY (id),
    ADD UNIQUE (sku),
    ADD FOREIGN KEY (category_id) REFERENCES categories;

CREATE INDEX ON products (category_id);

ALTER TABLE customers ADD PRIMARY KEY (id), ADD UNIQUE (email);

ALTER TABLE orders ADD PRIMARY KEY (id), ADD FOREIGN KEY (customer_id) REFERENCES customers;

CREATE INDEX orders_customer_id_created_at_idx ON orders (customer_id, created_at);

CREATE INDEX orders_created_at_idx ON orders (created_at);

ALTER TABLE order_items
    ADD PRIMARY KEY (order_id, line),
    ADD FOREIGN KEY (order_id) REFERENCES orders,
    ADD FOREIGN KEY (product_id) REFERENCES products;

ALTER TABLE payments ADD PRIMARY KEY (id), ADD FOREIGN KEY (order_id) REFERENCES orders;

ALTER TABLE reviews ADD PRIMARY KEY (id), ADD FOREIGN KEY (customer_id) REFERENCES customers;

CREATE INDEX ON reviews (product_id);

CREATE INDEX ON reviews (customer_id);

ALTER TABLE events ADD PRIMARY KEY (id, occurred_at);

CREATE INDEX ON events (customer_id);

ALTER TABLE sessions ADD PRIMARY KEY (token);

CREATE INDEX ON sessions (last_seen);

CREATE INDEX ON audit_log (at);

ALTER TABLE stock_movements
    ADD PRIMARY KEY (id),
    ADD FOREIGN KEY (product_id) REFERENCES products;

CREATE INDEX ON stock_movements (product_id);

ALTER TABLE jobs ADD PRIMARY KEY (id);

CREATE INDEX ON jobs (run_at);

ALTER TABLE invoices
    ADD PRIMARY KEY (id),
    ADD UNIQUE (order_id),
    ADD FOREIGN KEY (order_id) REFERENCES orders;

ALTER TABLE price_feed ADD PRIMARY KEY (id);
