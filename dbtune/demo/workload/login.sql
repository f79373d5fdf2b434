-- unindexed-expression: the addresses are stored as they were typed.
\set customer random(1, 20000)
SELECT id, name
FROM customers WHERE lower(email) = 'customer.' || :customer || '@example.org';
