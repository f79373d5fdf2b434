-- Tables that have something for every kind of plan node.
CREATE TABLE t (id int PRIMARY KEY, k int, v text, "Weird, ""Col"" (1)" text);
INSERT INTO t SELECT i, i % 100, repeat('x', 20) || i, 'y' FROM generate_series(1, 5000) i;
CREATE INDEX t_k ON t (k);
CREATE INDEX "Weird Index (1)" ON t ("Weird, ""Col"" (1)", v);
CREATE TABLE u (id int PRIMARY KEY, t_id int REFERENCES t, d numeric);
INSERT INTO u SELECT i, i % 5000 + 1, i / 7.0 FROM generate_series(1, 3000) i;
CREATE TABLE "Odd ""Table""" ("Id" int PRIMARY KEY, x text);
INSERT INTO "Odd ""Table""" SELECT i, 'x' FROM generate_series(1, 300) i;
CREATE TABLE p (id int, k int, v text) PARTITION BY RANGE (id);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (1000);
CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (1000) TO (2000);
CREATE TABLE p3 PARTITION OF p FOR VALUES FROM (2000) TO (3000);
INSERT INTO p SELECT i, i % 10, 'v' || i FROM generate_series(0, 2999) i;
CREATE INDEX ON p (k);
CREATE TABLE big (a int, b int, c text) WITH (parallel_workers = 2);
INSERT INTO big SELECT i, i % 1000, repeat('z', 100) FROM generate_series(1, 20000) i;
CREATE INDEX big_b ON big (b);
CREATE TABLE changed (id int PRIMARY KEY, v int CHECK (v > -5));
INSERT INTO changed SELECT i, i FROM generate_series(1, 50) i;
CREATE TABLE child (id int REFERENCES changed ON DELETE CASCADE ON UPDATE CASCADE);
INSERT INTO child SELECT i FROM generate_series(1, 50) i;
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER "Before It" BEFORE INSERT OR UPDATE ON changed FOR EACH ROW EXECUTE FUNCTION note();
CREATE TRIGGER after_it AFTER INSERT OR UPDATE ON changed FOR EACH ROW EXECUTE FUNCTION note();
CREATE TRIGGER after_p AFTER INSERT OR UPDATE ON p1 FOR EACH ROW EXECUTE FUNCTION note();
CREATE FUNCTION two(int) RETURNS SETOF int LANGUAGE sql STABLE ROWS 2 AS 'VALUES ($1), ($1 + 1)';
CREATE EXTENSION IF NOT EXISTS file_fdw;
CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
CREATE FOREIGN TABLE passwords (line text) SERVER files OPTIONS (filename '/etc/hostname');
CREATE EXTENSION IF NOT EXISTS postgres_fdw;
CREATE SERVER self FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '{host}', port '{port}',
    dbname '{dbname}', use_remote_estimate 'false');
CREATE USER MAPPING FOR CURRENT_USER SERVER self OPTIONS (user '{user}', password '{password}');
CREATE FOREIGN TABLE remote_t (id int, k int, v text) SERVER self OPTIONS (table_name 't');
CREATE FOREIGN TABLE remote_u (id int, t_id int) SERVER self OPTIONS (table_name 'u');
CREATE TABLE spread (id int, k int, v text) PARTITION BY RANGE (id);
CREATE FOREIGN TABLE spread1 PARTITION OF spread FOR VALUES FROM (0) TO (100) SERVER self
    OPTIONS (table_name 't');
CREATE TABLE spread2 PARTITION OF spread FOR VALUES FROM (100) TO (200);
-- Else statistics would change between one EXPLAIN and the next.
DO $$ DECLARE one regclass; BEGIN
    FOR one IN SELECT oid FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
    LOOP EXECUTE format('ALTER TABLE %s SET (autovacuum_enabled = off)', one); END LOOP;
END $$;
ANALYZE t, u, "Odd ""Table""", p, big, changed, child;
