-- Statements whose plans have every node and key of EXPLAIN, tried on schema.sql.
-- A block: settings, then the statement in the last line; `-- 15` where 13 does not know it.

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

SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET min_parallel_index_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SELECT count(*), sum(a) FROM big WHERE c LIKE 'z%' AND b > 3;

SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET min_parallel_index_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SELECT b, count(*) FROM big GROUP BY b ORDER BY b;

SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET min_parallel_index_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SET work_mem = '64kB';
SELECT * FROM big x JOIN big y ON x.a = y.b ORDER BY x.c DESC, x.a;

SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET min_parallel_index_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SET enable_seqscan = off;
SET enable_indexscan = off;
SELECT sum(a) FROM big WHERE b < 500;

SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET min_parallel_index_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET enable_material = off;
SELECT count(*) FROM big JOIN t ON t.id = big.b WHERE big.a > (SELECT 5);

SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET min_parallel_index_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SET enable_sort = off;
SET work_mem = '64kB';
SELECT a % 5000, count(*) FROM big GROUP BY 1;

SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET min_parallel_index_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SELECT count(*) FROM (SELECT a FROM big UNION ALL SELECT id FROM p) s;

SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET min_parallel_index_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SET parallel_leader_participation = off;
SELECT max(c) FROM big WHERE a % 2 = 0;

-- jit
SET jit_above_cost = 0;
SET jit_inline_above_cost = 0;
SET jit_optimize_above_cost = 0;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET min_parallel_index_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SELECT sum(a * 2) FROM big WHERE b + 1 > 7;

SELECT * FROM t WHERE k = 1 FOR UPDATE OF t SKIP LOCKED;

CREATE TEMP TABLE IF NOT EXISTS tmp AS SELECT generate_series(1, 2000) i;
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
