-- Statements whose plans have every node and key of EXPLAIN, tried on schema.sql.
-- A block: marks, settings, then the statement in the last line. A mark is the first version that
-- knows the statement, what the server has to be built with (jit, xml), or `parallel`.

SELECT 1;

SELECT * FROM t WHERE v = 'a ''b''\n->  Seq Scan on c  (cost=1.00..2.00 rows=1 width=4)';

SELECT id FROM t WHERE k BETWEEN 3 AND 5 AND v LIKE '%9%' ORDER BY v DESC NULLS LAST, id;

SELECT "Weird, ""Col"" (1)" AS c, count(*) FROM t GROUP BY 1 HAVING count(*) > 1;

SET enable_seqscan = off;
SELECT x FROM "Odd ""Table""" AS "An (Alias)" WHERE "Id" = 7;

SET enable_seqscan = off;
SELECT v FROM t WHERE "Weird, ""Col"" (1)" = 'y' ORDER BY 1 DESC LIMIT 3;

SET enable_bitmapscan = off;
SELECT id FROM t ORDER BY id DESC LIMIT 2 OFFSET 1;

SET enable_seqscan = off;
SET enable_indexscan = off;
SELECT * FROM t WHERE k = 3 OR k = 5 OR id < 10;

SET enable_seqscan = off;
SET enable_indexscan = off;
SET work_mem = '64kB';
SELECT count(c) FROM big WHERE b < 900 AND a > 3;

SET enable_hashjoin = on;
SELECT t.id, u.d FROM t LEFT JOIN u ON u.t_id = t.id AND u.d > 3 WHERE t.k < 5;

SET work_mem = '64kB';
SELECT * FROM big x JOIN big y USING (a) ORDER BY x.c, y.b;

SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET enable_material = off;
SELECT count(*) FROM u JOIN t ON t.id = u.t_id WHERE u.id < 300 AND t.k + u.id > 3;

SET enable_hashjoin = off;
SET enable_nestloop = off;
SELECT count(*) FROM t FULL JOIN u ON t.id = u.t_id;

SELECT count(*) FROM t WHERE NOT EXISTS (SELECT FROM u WHERE u.t_id = t.id);

SELECT count(*) FROM t WHERE id NOT IN (SELECT t_id FROM u WHERE d > 100);

SELECT id, (SELECT max(d) FROM u WHERE u.t_id = t.id), (SELECT count(*) FROM p) FROM t WHERE k = 1;

SELECT * FROM t WHERE id = (SELECT min(t_id) FROM u) OR k > (SELECT 50) LIMIT (SELECT 3);

SET work_mem = '64kB';
SET enable_sort = off;
SELECT b, count(*), sum(a) FROM big GROUP BY b;

SET work_mem = '64kB';
SET enable_sort = off;
SELECT a, c FROM big GROUP BY a, c;

SELECT k, v, count(*) FROM t GROUP BY GROUPING SETS ((k, v), (k), ()) ORDER BY 1, 2 LIMIT 5;

SELECT k, v, id % 3, count(*) FROM t GROUP BY CUBE (k, v), id % 3 LIMIT 5;

SELECT k % 7 m, k % 3 n, count(*) FROM t GROUP BY GROUPING SETS ((k % 7), (k % 3), ());

SELECT DISTINCT ON (k) k, id FROM t ORDER BY k, id;

SET enable_sort = on;
SET enable_seqscan = off;
SELECT * FROM t ORDER BY k, v LIMIT 200;

SET enable_seqscan = off;
SET work_mem = '64kB';
SELECT * FROM big ORDER BY b, c, a;

SELECT id, rank() OVER (PARTITION BY k ORDER BY id DESC), sum(id) OVER w FROM t WINDOW w AS (ORDER BY v ROWS 3 PRECEDING);

SELECT * FROM (SELECT id, row_number() OVER (ORDER BY id) n FROM t) s WHERE n < 5;

SELECT id FROM t WHERE k < 3 EXCEPT ALL SELECT t_id FROM u;

SELECT k FROM t INTERSECT SELECT id FROM u UNION SELECT 5;

WITH RECURSIVE r(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM r WHERE n < 20), "Odd CTE" AS MATERIALIZED (SELECT n FROM r) SELECT count(*) FROM r JOIN "Odd CTE" c USING (n);

SELECT * FROM generate_series(1, 3) AS g(i), LATERAL two(i) AS x(y), (VALUES (1, 'a'), (2, 'b, c')) AS w(n, s);

SELECT * FROM ROWS FROM (generate_series(1, 3), two(2)) WITH ORDINALITY AS z(a, b, o), unnest(ARRAY[1, 2]) q;

SELECT generate_series(1, k), id FROM t WHERE id < 4;

-- xml
SELECT x.* FROM xmltable('/r/i' PASSING ('<r><i>1</i></r>'::xml) COLUMNS n int PATH '.') x;

SELECT * FROM t TABLESAMPLE system (20) REPEATABLE (7) WHERE k > 10;

SELECT * FROM t WHERE ctid = '(0,1)' OR ctid = '(0,2)';

SELECT * FROM p WHERE id < 1500 AND k = 3;

SELECT * FROM p WHERE id = (SELECT 5) AND v <> 'x';

SET enable_sort = off;
SELECT * FROM p ORDER BY id, k LIMIT 4;

SET enable_seqscan = off;
SET enable_bitmapscan = off;
SELECT k FROM p ORDER BY k DESC LIMIT 4;

SET plan_cache_mode = force_generic_plan; PREPARE q(int, text) AS SELECT * FROM p WHERE id < $1 AND v > $2;
EXECUTE q(500, 'it''s');

-- parallel
SELECT count(*), sum(a) FROM big WHERE c LIKE 'z%' AND b > 3;

-- parallel
SELECT b, count(*) FROM big GROUP BY b ORDER BY b;

-- parallel
SET work_mem = '64kB';
SELECT * FROM big x JOIN big y ON x.a = y.b ORDER BY x.c DESC, x.a;

-- parallel
SET enable_seqscan = off;
SET enable_indexscan = off;
SELECT sum(a) FROM big WHERE b < 500;

-- parallel
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET enable_material = off;
SELECT count(*) FROM big JOIN t ON t.id = big.b WHERE big.a > (SELECT 5);

-- parallel
SET enable_sort = off;
SET work_mem = '64kB';
SELECT a % 5000, count(*) FROM big GROUP BY 1;

-- parallel
SELECT count(*) FROM (SELECT a FROM big UNION ALL SELECT id FROM p) s;

-- parallel
SET parallel_leader_participation = off;
SELECT max(c) FROM big WHERE a % 2 = 0;

-- jit
-- parallel
SET jit_above_cost = 0;
SET jit_inline_above_cost = 0;
SET jit_optimize_above_cost = 0;
SELECT sum(a * 2) FROM big WHERE b + 1 > 7;

SELECT * FROM t WHERE k = 1 FOR UPDATE OF t SKIP LOCKED;

SELECT count(*) FROM tmp WHERE i > 3;

INSERT INTO changed SELECT i, i FROM generate_series(100, 105) i RETURNING id;

INSERT INTO changed VALUES (1, 3), (200, 4) ON CONFLICT (id) DO UPDATE SET v = excluded.v WHERE changed.v > 0;

INSERT INTO changed VALUES (1, 3) ON CONFLICT DO NOTHING;

UPDATE changed SET v = v + 1 WHERE id < 5;

DELETE FROM changed WHERE id BETWEEN 40 AND 45;

UPDATE p SET v = v || '!' WHERE k = 2 AND id < 1200;

INSERT INTO p SELECT i, 1, 'n' FROM generate_series(1, 2500, 100) i;

WITH d AS (DELETE FROM changed WHERE id > 48 RETURNING id) INSERT INTO u SELECT 90000 + id, 1, 1 FROM d;

WITH a AS (UPDATE changed SET v = 1 WHERE id = 2 RETURNING *) SELECT count(*) FROM t;

SELECT * FROM passwords WHERE line > 'a';

SELECT r.id, s.id FROM remote_t r JOIN remote_u s ON r.id = s.t_id WHERE r.k = 3 ORDER BY r.v;

UPDATE remote_t SET k = k WHERE id = 5;

INSERT INTO remote_t VALUES (70001, 1, 'x');

-- 15
MERGE INTO changed c USING (VALUES (1), (300)) s(id) ON c.id = s.id WHEN MATCHED THEN UPDATE SET v = 9 WHEN NOT MATCHED THEN INSERT VALUES (s.id, 1);

-- 17
SELECT * FROM json_table('[1, 2]'::jsonb, '$[*]' COLUMNS (n int PATH '$')) j;

SELECT v FROM t WHERE v = e'tab\t, quote \' and "double"\\n  ->  , backslash \\ and 雪 – é' AND v <> '$1';

SELECT "a (cost=1.00..2.00 rows=1 width=4)"."Weird, ""Col"" (1)" FROM t AS "a (cost=1.00..2.00 rows=1 width=4)" WHERE "a (cost=1.00..2.00 rows=1 width=4)".k = 2;

SELECT 1 FROM t AS "line\nbreak" JOIN u AS "  ->  x" ON "line\nbreak".id = "  ->  x".id WHERE "line\nbreak".k = 3;

SELECT 1 WHERE false;

SELECT * FROM t WHERE false AND k > random();

SELECT * FROM t WHERE now() > '2020-01-01' AND (SELECT true) AND id = ANY ('{1,2,"3"}'::int[]);

SELECT k FROM t WHERE EXISTS (SELECT FROM u WHERE u.t_id = t.id) OR k = 3;

SELECT ARRAY(SELECT id FROM u WHERE u.t_id = t.id ORDER BY 1), (k, id) IN (SELECT t_id, id FROM u), (k, id) = (SELECT t_id, id FROM u LIMIT 1) FROM t WHERE id < 30;

SELECT id FROM t WHERE (k, id) = (SELECT 3, max(u.t_id) FROM u) OR (id, k) > ALL (SELECT t_id, id FROM u WHERE u.id < 0);

SELECT * FROM t WHERE id = ANY (ARRAY(SELECT t_id FROM u WHERE id < 20)) AND k < (SELECT avg(k) FROM t t2 WHERE t2.id < t.id);

SELECT * FROM (SELECT id, k FROM t ORDER BY k LIMIT 20 OFFSET 3) s WHERE s.id % 2 = 0;

SELECT DISTINCT k, v FROM t WHERE id < 500;

SET enable_hashagg = off;
SELECT DISTINCT k FROM t;

SET enable_hashagg = off;
SELECT k FROM t GROUP BY k;

SET enable_hashagg = off;
SELECT k FROM t EXCEPT SELECT id FROM u;

SELECT count(DISTINCT v), array_agg(id ORDER BY v DESC), sum(k) FILTER (WHERE k > 3) FROM t GROUP BY k % 4 HAVING sum(id) > 3;

SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY id), string_agg(v, ', ' ORDER BY v COLLATE "C" DESC NULLS LAST) FROM t WHERE k < 3;

SELECT * FROM t WHERE id < 300 ORDER BY v COLLATE "C" DESC NULLS LAST, k USING >, "Weird, ""Col"" (1)";

SET enable_sort = off;
SET enable_hashagg = on;
SELECT k % 3, v, count(*) FROM t GROUP BY GROUPING SETS ((k % 3), (v), (k % 3, v));

SELECT k % 3, v, count(*), grouping(v) FROM t WHERE id < 60 GROUP BY ROLLUP (k % 3, v) ORDER BY 1, 2;

SELECT id, lag(v, 1, 'a, b') OVER w, ntile(4) OVER (ORDER BY k), first_value(id) OVER (PARTITION BY k % 3, v ORDER BY id RANGE BETWEEN 10 PRECEDING AND CURRENT ROW) FROM t WHERE id < 200 WINDOW w AS (PARTITION BY k ORDER BY v);

SELECT * FROM (SELECT id, k, rank() OVER (PARTITION BY k ORDER BY id) r, count(*) OVER () c FROM t) s WHERE r <= 2 AND k < 10;

SET work_mem = '64kB';
SELECT sum(a) OVER (ORDER BY b), count(*) OVER () FROM big;

WITH c AS MATERIALIZED (SELECT * FROM t WHERE k < 20), d AS MATERIALIZED (SELECT * FROM c WHERE id < 900) SELECT * FROM c JOIN d USING (id) WHERE d.k = (SELECT min(k) FROM c);

SET work_mem = '64kB';
WITH c AS MATERIALIZED (SELECT * FROM big) SELECT count(*) FROM c x, (SELECT * FROM c LIMIT 2) y WHERE x.a <> y.a;

WITH RECURSIVE tree(id, path) AS (SELECT id, ARRAY[id] FROM u WHERE id = 1 UNION SELECT u.id, path || u.id FROM u JOIN tree ON u.id = tree.id + 1 WHERE u.id < 8) SELECT * FROM tree ORDER BY path DESC LIMIT 3;

SELECT * FROM t JOIN LATERAL (SELECT * FROM u WHERE u.t_id = t.id ORDER BY d DESC LIMIT 1) x ON true WHERE t.k = 7;

SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET enable_seqscan = off;
SELECT * FROM u JOIN t ON t.id = u.t_id % 100 WHERE u.id < 500;

SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET enable_seqscan = off;
SET work_mem = '64kB';
SELECT count(x.c) FROM big x JOIN big y ON y.b = x.a % 900 AND y.a < 20000;

SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET enable_indexscan = off;
SET enable_bitmapscan = off;
SELECT count(*) FROM u x LEFT JOIN t y ON x.t_id = y.k AND y.id < 20 AND x.d > y.k WHERE x.id < 200;

SET enable_hashjoin = off;
SET enable_nestloop = off;
SELECT count(*) FROM t x JOIN u y ON x.id = y.t_id AND x.k < y.d + 3 WHERE y.id < 900;

SELECT count(*) FROM t x RIGHT JOIN u y ON x.id = y.t_id AND y.d > 20;

SELECT count(*) FROM t x FULL JOIN u y ON x.id = y.t_id WHERE x.id IS NULL OR y.id > 10;

SELECT count(*) FROM u WHERE t_id IN (SELECT id FROM t WHERE k = 5);

SELECT count(*) FROM big WHERE b NOT IN (VALUES (1), (2), (3)) AND EXISTS (SELECT FROM u WHERE u.id = big.a);

SELECT count(*) FROM u WHERE NOT EXISTS (SELECT FROM big WHERE big.a = u.id AND big.b > 500);

SELECT * FROM t WHERE id BETWEEN 10 AND 20 AND v ~~* '%x1%' AND NOT (k = ANY (ARRAY[1, 2, 3])) AND (v IS NOT NULL OR k IS DISTINCT FROM 4);

SELECT CASE WHEN k > 3 THEN 'a: b' ELSE 'c  Memory: 3kB' END, coalesce(v, 'x'), (k)::text || ' Batches: 7', xmin FROM t WHERE id < 5;

SET enable_seqscan = off;
SET enable_bitmapscan = off;
SELECT id FROM t WHERE k = ANY ('{3,5,9}') AND v > 'x';

SET enable_seqscan = off;
SET enable_bitmapscan = off;
SELECT count(*) FROM t WHERE v > 'xxx' AND "Weird, ""Col"" (1)" IN ('y', 'z');

SET enable_bitmapscan = off;
SELECT k FROM t WHERE k BETWEEN 4 AND 6;

SET enable_seqscan = off;
SELECT * FROM t WHERE k = 3 AND id < 2000 AND "Weird, ""Col"" (1)" = 'y';

SET enable_seqscan = off;
SET enable_indexscan = off;
SET enable_bitmapscan = off;
SET enable_indexonlyscan = off;
SELECT * FROM t WHERE id = 5;

SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET enable_nestloop = off;
SELECT * FROM t JOIN u USING (id) WHERE t.k = 0;

-- 14
SELECT * FROM t WHERE ctid > '(3,0)' AND ctid < '(5,0)';

SELECT * FROM t WHERE ctid = ANY (ARRAY['(0,1)', '(0,2)']::tid[]) AND k > 0;

SELECT * FROM t TABLESAMPLE bernoulli (30) WHERE v LIKE 'x%' LIMIT 10;

SELECT * FROM generate_series(1, 100) g WHERE g % 3 = 0 ORDER BY g DESC LIMIT 3;

SELECT * FROM json_to_recordset('[{"a": 1, "b": "x, y"}]') AS x(a int, b text), pg_catalog.unnest(ARRAY['a', 'b']) WITH ORDINALITY AS y("The (Name)", n);

SELECT * FROM (VALUES (1, 'one'), (2, 'two, (three')) v(n, s) WHERE n > 1;

SELECT unnest(ARRAY[1, 2]), generate_series(1, 3);

SELECT relname, nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r'::"char" AND n.nspname !~ '^pg_' ORDER BY 1;

SELECT count(*) FROM p JOIN t USING (id) WHERE p.k = 4;

SET enable_partitionwise_join = on;
SET enable_partitionwise_aggregate = on;
SELECT a.id, count(*) FROM p a JOIN p b USING (id) GROUP BY a.id;

SET enable_hashjoin = off;
SET enable_mergejoin = off;
SELECT * FROM (VALUES (5), (1500)) v(n) JOIN p ON p.id = v.n;

SET plan_cache_mode = force_generic_plan; PREPARE q(int) AS SELECT * FROM p WHERE id = $1 ORDER BY k LIMIT 3;
EXECUTE q(5000);

SELECT * FROM p WHERE id IN (1, 1001, 2001) OR k = (SELECT max(k) FROM p WHERE id < 10);

-- parallel
SELECT * FROM big WHERE a < 400 ORDER BY b;

-- parallel
SET enable_hashagg = off;
SELECT b, c, count(*) FROM big GROUP BY b, c;

-- parallel
SELECT DISTINCT b FROM big;

-- parallel
SELECT count(*) FROM big x JOIN big y USING (a) WHERE x.b < 100;

-- parallel
SET enable_parallel_hash = off;
SELECT count(*) FROM big x LEFT JOIN u y ON x.a = y.id AND y.d > 3;

-- parallel
SET enable_hashjoin = off;
SET enable_nestloop = off;
SELECT count(*) FROM big x JOIN t y ON x.a = y.id;

-- parallel
SET work_mem = '64kB';
SELECT * FROM big WHERE a % 2 = 0 ORDER BY c, a DESC;

-- parallel
SET enable_seqscan = off;
SET enable_indexscan = off;
SET work_mem = '64kB';
SELECT count(c) FROM big WHERE b < 900 AND a > 3;

-- parallel
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SELECT count(*) FROM big WHERE b BETWEEN 100 AND 300;

-- parallel
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SELECT * FROM big ORDER BY b, a LIMIT 700;

-- parallel
WITH c AS MATERIALIZED (SELECT count(*) n FROM big) SELECT (SELECT n FROM c), count(*) FROM big WHERE a > (SELECT n / 2 FROM c);

-- parallel
SELECT id, (SELECT count(*) FROM t WHERE t.k = b.a % 100) FROM (SELECT a, a AS id FROM big WHERE b = 5) b;

-- parallel
SELECT count(*) FROM big WHERE b NOT IN (SELECT t_id FROM u WHERE u.id < 800);

-- parallel
SELECT count(*) FROM (SELECT a FROM big UNION ALL SELECT id FROM t UNION ALL SELECT id FROM u) s;

-- parallel
SELECT a, row_number() OVER (ORDER BY a) FROM big WHERE b < 30;

-- parallel
SET max_parallel_workers = 1;
SELECT sum(a) FROM big GROUP BY b % 10;

-- parallel
SET max_parallel_workers = 0;
SELECT count(*) FROM big;

-- 16
-- parallel
SET debug_parallel_query = on;
SELECT max(v) FROM t WHERE k = 3;

-- 13
-- parallel
SET enable_sort = on;
SET enable_seqscan = off;
SELECT * FROM big ORDER BY b, c LIMIT 100;

-- 13
SET enable_seqscan = off;
SET work_mem = '64kB';
SELECT x.b, x.c, count(*) FROM big x GROUP BY x.b, x.c ORDER BY x.b, x.c;

-- 13
SELECT id FROM t ORDER BY k FETCH FIRST 3 ROWS WITH TIES;

INSERT INTO changed SELECT i, i FROM generate_series(1, 60) i ON CONFLICT (id) DO UPDATE SET v = excluded.v + 1 WHERE changed.v < 20 RETURNING *;

INSERT INTO changed SELECT id + 1000, k FROM t WHERE id < 20 ON CONFLICT ON CONSTRAINT changed_pkey DO NOTHING;

UPDATE changed SET v = u.id FROM u JOIN t ON t.id = u.t_id WHERE changed.id = u.id AND t.k < 50;

DELETE FROM child USING changed WHERE child.id = changed.id AND changed.v > 45;

DELETE FROM changed WHERE id > 45;

DELETE FROM p WHERE k = 3;

UPDATE p SET id = id + 1000 WHERE id = 990;

WITH moved AS (DELETE FROM p WHERE id < 5 RETURNING *), kept AS (INSERT INTO p SELECT id + 100, k, v FROM moved RETURNING id) SELECT (SELECT count(*) FROM kept), * FROM moved;

DECLARE cur CURSOR FOR SELECT * FROM changed WHERE id = 7 FOR UPDATE; FETCH 1 FROM cur;
UPDATE changed SET v = 70 WHERE CURRENT OF cur;

SELECT * FROM t JOIN u ON u.t_id = t.id WHERE t.id = 3 FOR SHARE OF u NOWAIT;

SELECT count(*) FROM remote_t WHERE v LIKE '%9%' AND k < random() * 0 + 5;

SELECT k, count(*) FROM remote_t GROUP BY k ORDER BY k LIMIT 3;

DELETE FROM remote_t WHERE id = 70001 AND random() > 2;

-- 14
ALTER SERVER self OPTIONS (ADD async_capable 'true');
SELECT * FROM spread WHERE k = 3;

-- 15
MERGE INTO changed c USING (SELECT i FROM generate_series(1, 60) i) s ON c.id = s.i WHEN MATCHED AND s.i < 10 THEN DELETE WHEN MATCHED AND s.i < 20 THEN DO NOTHING WHEN MATCHED THEN UPDATE SET v = s.i WHEN NOT MATCHED AND s.i < 55 THEN INSERT VALUES (s.i, 1);

-- 15
MERGE INTO p USING (SELECT * FROM u WHERE id < 50) s ON p.id = s.id WHEN MATCHED THEN UPDATE SET v = 'merged';

-- 17
MERGE INTO changed c USING u s ON c.id = s.id AND s.id < 60 WHEN NOT MATCHED BY SOURCE THEN DELETE WHEN MATCHED THEN UPDATE SET v = 1 RETURNING merge_action(), c.*;
