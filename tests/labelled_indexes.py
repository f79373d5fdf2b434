"""Statements whose best index is known, and statements that no index should be suggested for.

What is best was found by building the candidates for real on PostgreSQL 18 and comparing the
planner's costs and sizes (``scripts/bench/index-kinds --built``).
"""

from __future__ import annotations

import re
from typing import NamedTuple

from dbtune.postgres.indexes.advice import Advice, Options
from dbtune.postgres.indexes.advise import advise
from dbtune.postgres.indexes.choose import open_planner
from dbtune.postgres.indexes.planner import PlannerChoice
from dbtune.postgres.indexes.size import IndexSizes
from dbtune.postgres.indexes.workload import from_script
from dbtune.postgres.relations.collect import read_relations
from dbtune.postgres.session import Session
from tests.servers import Postgres

SCHEMA = """
CREATE EXTENSION pg_trgm;
CREATE FUNCTION odd(n int) RETURNS boolean VOLATILE LANGUAGE plpgsql
    AS 'BEGIN RETURN n % 2 = 1; END';
CREATE TABLE customers (
    id int PRIMARY KEY, email text NOT NULL, first_name text, last_name text COLLATE "C.utf8", phone varchar(30) COLLATE "C.utf8",
    country text, city text, nick text, active boolean NOT NULL, vip boolean NOT NULL,
    deleted_at timestamptz, parent_id int, profile jsonb, created timestamp NOT NULL, notes text);
INSERT INTO customers SELECT i, CASE WHEN i % 2 = 0 THEN 'User' ELSE 'user' END || i || '@Example.com',
    'First' || i % 900, 'Last' || i * 7919 % 20000, '+49' || lpad((i * 48271::bigint % 99999989)::text, 8, '0'),
    'c' || i % 40, 'City ' || i * 31 % 700, CASE WHEN i % 3 = 0 THEN 'nick' || i END, i % 50 > 0,
    i % 200 = 0, CASE WHEN i % 60 = 0 THEN timestamptz '2024-01-01' + i * interval '1 min' END,
    CASE WHEN i % 150 = 0 THEN NULL ELSE i / 2 END,
    jsonb_build_object('sku', 'S' || i % 9000, 'qty', i % 1000, 'kind', 'k' || i % 3,
        'tags', jsonb_build_array('t' || i % 800, 'u' || i % 5))
        || CASE WHEN i % 500 = 0 THEN '{"rare": 1}'::jsonb ELSE '{}'::jsonb END,
    timestamp '2020-01-01' + i * 48271::bigint % 1500 * interval '1 day' + i % 1440 * interval '1 min',
    repeat('some note of a customer ', 3) || i
    FROM generate_series(1, 40000) i;

CREATE TABLE orders (
    id int PRIMARY KEY, customer_id int NOT NULL, status text NOT NULL, placed timestamptz NOT NULL,
    shipped_at timestamptz, total numeric(10,2) NOT NULL, quantity int NOT NULL,
    coupon text, archived boolean NOT NULL, note text);
INSERT INTO orders SELECT i, 1 + i * 48271::bigint % 40000,
    CASE WHEN i % 100 = 0 THEN 'open' WHEN i % 10 = 1 THEN 'sent' ELSE 'done' END,
    timestamptz '2022-01-01' + i * 48271::bigint % 100003 * interval '9 min',
    CASE WHEN i % 3 > 0 THEN timestamptz '2022-01-04' + i * 16807::bigint % 100003 * interval '9 min' END,
    i * 7919::bigint % 100000 / 10.0, i % 50, CASE WHEN i % 4 = 0 THEN 'coupon' || i % 3000 END,
    i % 20 > 0, repeat('note ', 8) || i
    FROM generate_series(1, 100000) i;

CREATE TABLE events (
    id bigint PRIMARY KEY, device_id int NOT NULL, severity int NOT NULL, at timestamptz NOT NULL,
    value double precision NOT NULL, kind text NOT NULL, payload text);
INSERT INTO events SELECT i, i * 48271::bigint % 400, i * 16811::bigint % 7,
    timestamptz '2024-01-01' + i * 69621::bigint % 100003 * interval '1 min',
    i * 39373::bigint % 999983 / 7.0, 'kind' || i % 12, repeat('payload ', 8)
    FROM generate_series(1, 100000) i;
CREATE INDEX events_kind_at ON events (kind, at);
CREATE INDEX events_device ON events (device_id);

CREATE TABLE jobs (
    id bigint PRIMARY KEY, queue text NOT NULL, done boolean NOT NULL, run_at timestamptz NOT NULL,
    payload text);
INSERT INTO jobs SELECT i, 'q' || i % 5, i % 400 > 0,
    timestamptz '2024-01-01' + i * 48271::bigint % 60013 * interval '1 min', repeat('x', 150)
    FROM generate_series(1, 60000) i;

CREATE TABLE articles (
    id int PRIMARY KEY, author_id int, title text, body text, tags text[], words tsvector,
    published timestamptz);
INSERT INTO articles SELECT i, i % 900, 'Title ' || md5(i::text), concat_ws(' ', 'text',
    'word' || i % 3000, 'thing' || i * 7 % 5000, 'part' || i * 13 % 700, md5((i + 1)::text)),
    ARRAY['tag' || i % 1500, 'topic' || i % 90, 'all'],
    to_tsvector('simple', 'word' || i % 3000 || ' thing' || i * 7 % 5000),
    timestamptz '2024-01-01' + i * interval '3 min'
    FROM generate_series(1, 30000) i;
CREATE INDEX articles_author ON articles (author_id) INCLUDE (title);

CREATE TABLE bookings (
    id int PRIMARY KEY, room int NOT NULL, during tstzrange NOT NULL, guest text);
INSERT INTO bookings SELECT i, i % 300, tstzrange(timestamptz '2020-01-01' + i * interval '40 min',
    timestamptz '2020-01-01' + i * interval '40 min' + interval '2 hours'), repeat('guest ', 6) || i
    FROM generate_series(1, 60000) i;

CREATE TABLE places (id int PRIMARY KEY, name text, at point NOT NULL, area box, address inet);
INSERT INTO places SELECT i, 'Place ' || i, point(i * 48271::bigint % 10007, i * 16807::bigint % 10009),
    box(point(i % 5000, i % 7000), point(i % 5000 + 3, i % 7000 + 3)),
    ('10.' || i % 250 || '.' || i / 250 % 250 || '.' || i % 199)::inet
    FROM generate_series(1, 50000) i;

CREATE TABLE log (id bigint, at timestamptz NOT NULL, level int NOT NULL, message text);
INSERT INTO log SELECT i, timestamptz '2024-01-01' + i * interval '5 seconds', i % 6,
    repeat('message ', 20) FROM generate_series(1, 250000) i;

CREATE TABLE urls (id int PRIMARY KEY, url text NOT NULL, hits int NOT NULL);
INSERT INTO urls SELECT i, 'https://www.example.com/' || md5(i::text) || '/' || md5((i + 7)::text) ||
    '/' || md5((i + 9)::text) || '?session=' || md5((i + 11)::text), i % 77
    FROM generate_series(1, 40000) i;

CREATE TABLE settings (name text PRIMARY KEY, value text);
INSERT INTO settings SELECT 'name' || i, 'value' || i FROM generate_series(1, 40) i;
CREATE TABLE countries (id int, name text);
INSERT INTO countries SELECT i, 'c' || i FROM generate_series(1, 40) i;
CREATE UNLOGGED TABLE scratch (id int, name text);
INSERT INTO scratch SELECT i, 'n' || i FROM generate_series(1, 300) i;

CREATE TABLE wide (id int PRIMARY KEY, score int NOT NULL, filler text NOT NULL);
INSERT INTO wide SELECT i, i * 7919 % 1000, repeat('filler ', 100) FROM generate_series(1, 20000) i;

CREATE TABLE counters (id int PRIMARY KEY, shop int NOT NULL, hits int NOT NULL, label text);
INSERT INTO counters SELECT i, i % 40, i % 1000, repeat('label ', 5) FROM generate_series(1, 20000) i;

CREATE TABLE documents (id int PRIMARY KEY, owner text, state text NOT NULL, data jsonb NOT NULL);
INSERT INTO documents SELECT i, 'Owner' || i % 9000, CASE WHEN i % 90 = 0 THEN 'draft' ELSE 'final' END,
    jsonb_build_object('a', i % 4000, 'b', 'x' || i % 7, 'c', 'y' || i)
    FROM generate_series(1, 30000) i;
CREATE INDEX documents_data ON documents USING gin (data);
CREATE INDEX documents_owner ON documents (lower(owner));
CREATE INDEX documents_draft ON documents (id) WHERE state = 'draft';
"""


class Case(NamedTuple):
    """A statement with the indexes that serve it best.

    Attributes:
        name: of the case.
        sql: the statement.
        best: for each index that is wanted, the forms that are equally good: table, method unless
            it is a b-tree, keys as far as they matter; ``...`` stands for anything.
    """

    name: str
    sql: str
    best: tuple[tuple[str, ...], ...]


def _case(name: str, sql: str, *best: str) -> Case:
    return Case(name, sql, tuple(tuple(one.split(" | ")) for one in best))


WANTED = (
    # ------------------------------------------------------------------------------------ b-trees
    _case("equality", "SELECT * FROM orders WHERE customer_id = 4711", "orders (customer_id)..."),
    _case("list", "SELECT * FROM orders WHERE coupon IN ('coupon16', 'coupon80')",
          "orders (coupon)..."),
    _case("two equalities", "SELECT * FROM customers WHERE last_name = 'Last77' AND first_name = 'First8'",
          "customers (last_name...) | customers (first_name, last_name)"),
    _case("equality and range",
          "SELECT * FROM events WHERE severity = 3 AND at BETWEEN '2024-02-01' AND '2024-02-02'",
          "events (severity, at...) | events (severity DESC, at...)"),
    _case("narrow range", "SELECT * FROM orders WHERE total BETWEEN 500 AND 501", "orders (total)"),
    _case("top", "SELECT * FROM events ORDER BY value DESC LIMIT 10", "events (value...)"),
    _case("top of a group", "SELECT * FROM events WHERE device_id = 7 ORDER BY at DESC LIMIT 20",
          "events (device_id, at...)"),
    _case("mixed directions", "SELECT * FROM events ORDER BY severity DESC, at LIMIT 30",
          "events (severity DESC, at) | events (severity, at DESC)"),
    _case("nulls last", "SELECT id, shipped_at FROM orders ORDER BY shipped_at DESC NULLS LAST LIMIT 10",
          "orders (shipped_at DESC NULLS LAST)... | orders (shipped_at NULLS FIRST)..."),
    _case("maximum", "SELECT max(total) FROM orders", "orders (total...)"),
    _case("join", "SELECT o.* FROM customers c JOIN orders o ON o.customer_id = c.id WHERE c.email = 'user77@Example.com'",
          "customers (email)...", "orders (customer_id)..."),
    _case("exists", "SELECT count(*) FROM customers c WHERE c.city = 'City 93' AND NOT EXISTS "
          "(SELECT FROM orders o WHERE o.customer_id = c.id)",
          "customers (city...)...", "orders (customer_id)..."),
    _case("covering", "SELECT customer_id, sum(total) FROM orders WHERE customer_id BETWEEN 100 AND 3000 "
          "GROUP BY customer_id", "orders (customer_id) INCLUDE (total) | orders (customer_id, total)"),
    _case("page", "SELECT * FROM orders WHERE (placed, id) < ('2023-03-01', 5000) "
          "ORDER BY placed DESC, id DESC LIMIT 20", "orders (placed..."),
    _case("groups", "SELECT coupon, count(*) FROM orders GROUP BY coupon ORDER BY coupon LIMIT 5",
          "orders (coupon)..."),
    _case("update", "UPDATE orders SET quantity = 1 WHERE coupon = 'coupon2000'", "orders (coupon)"),
    _case("delete", "DELETE FROM customers WHERE email = 'user77@Example.com'", "customers (email)"),
    _case("extended", "SELECT id, title, published FROM articles WHERE author_id = 55 ORDER BY published DESC LIMIT 5",
          "articles (author_id, published...)..."),
    _case("pattern with a beginning", "SELECT * FROM customers WHERE phone LIKE '+490017%'",
          "customers (phone varchar_pattern_ops) | customers (phone text_pattern_ops)"),
    # ------------------------------------------------------------------------------------ partial
    _case("rare status", "SELECT * FROM orders WHERE status = 'open' ORDER BY placed LIMIT 50",
          "orders (placed) WHERE status = 'open' | orders (status, placed)"),
    _case("queue", "SELECT * FROM jobs WHERE NOT done ORDER BY run_at LIMIT 10",
          "jobs (run_at) WHERE NOT done | jobs (run_at...) WHERE ...done..."),
    _case("deleted", "SELECT id, deleted_at FROM customers WHERE deleted_at IS NOT NULL",
          "customers (...) WHERE deleted_at IS NOT NULL | customers (deleted_at)..."),
    _case("roots", "SELECT * FROM customers WHERE parent_id IS NULL",
          "customers (...) WHERE parent_id IS NULL | customers (parent_id)"),
    _case("flag", "SELECT * FROM customers WHERE vip AND country = 'c0'",
          "customers (...) WHERE vip... | customers (...) WHERE ...vip..."),
    _case("not archived", "SELECT * FROM orders WHERE NOT archived AND total > 9900",
          "orders (total) WHERE NOT archived | orders (archived, total)"),
    # --------------------------------------------------------------------------------- expressions
    _case("lower", "SELECT * FROM customers WHERE lower(email) = 'user77@example.com'",
          "customers ((lower(email)))"),
    _case("lower, beginning", "SELECT * FROM customers WHERE lower(last_name) LIKE 'last77%'",
          "customers ((lower(last_name)) text_pattern_ops)"),
    _case("day", "SELECT * FROM customers WHERE created::date = '2021-05-05'",
          "customers (((created)::date))"),
    _case("month in a zone", "SELECT count(*) FROM orders WHERE (placed AT TIME ZONE 'UTC')::date = '2022-07-07'",
          "orders ((((placed AT TIME ZONE 'UTC'::text))::date))... | orders (...AT TIME ZONE...)"),
    _case("truncated", "SELECT * FROM customers WHERE date_trunc('day', created) = '2021-05-05'",
          "customers ((date_trunc('day'::text, created)))"),
    _case("member", "SELECT * FROM customers WHERE profile->>'sku' = 'S77'",
          "customers ((profile ->> 'sku'::text)) | customers USING gin (profile...)"),
    _case("number of a member", "SELECT * FROM customers WHERE (profile->>'qty')::int BETWEEN 997 AND 998",
          "customers ((((profile ->> 'qty'::text))::integer))"),
    _case("coalesce", "SELECT * FROM customers WHERE COALESCE(nick, last_name) = 'nick300'",
          "customers ((COALESCE(nick, last_name)))"),
    _case("computed", "SELECT * FROM orders WHERE total * quantity = 489500",
          "orders ((total * (quantity)::numeric))"),
    _case("order by lower", "SELECT * FROM customers ORDER BY lower(last_name), id LIMIT 10",
          "customers ((lower(last_name))...)"),
    _case("two expressions", "SELECT * FROM customers WHERE lower(last_name) = 'last7' AND lower(first_name) = 'first7'",
          "customers (...(lower(last_name))...)"),
    # ----------------------------------------------------------------------------------------- GIN
    _case("contains", """SELECT * FROM customers WHERE profile @> '{"sku": "S123"}'""",
          "customers USING gin (profile jsonb_path_ops)"),
    _case("has key", "SELECT * FROM customers WHERE profile ? 'rare'", "customers USING gin (profile)"),
    _case("inner array", "SELECT * FROM customers WHERE profile->'tags' ? 't77'",
          "customers USING gin ((profile -> 'tags'::text))"),
    _case("json path", """SELECT * FROM customers WHERE profile @@ '$.sku == "S99"'""",
          "customers USING gin (profile jsonb_path_ops)"),
    _case("array contains", "SELECT * FROM articles WHERE tags @> ARRAY['tag77']",
          "articles USING gin (tags)"),
    _case("array overlaps", "SELECT id FROM articles WHERE tags && ARRAY['tag7', 'tag8']",
          "articles USING gin (tags)"),
    _case("full text", "SELECT * FROM articles WHERE to_tsvector('english', body) @@ to_tsquery('english', 'word77')",
          "articles USING gin ((to_tsvector('english'::regconfig, body)))"),
    _case("text vector", "SELECT * FROM articles WHERE words @@ to_tsquery('simple', 'word77 & thing539')",
          "articles USING gin (words)"),
    _case("anywhere", "SELECT * FROM articles WHERE title LIKE '%a1b2c%'",
          "articles USING gin (title ...gin_trgm_ops)"),
    _case("anywhere, any case", "SELECT * FROM customers WHERE last_name ILIKE '%ast777%'",
          "customers USING gin (last_name ...gin_trgm_ops)"),
    # ---------------------------------------------------------------------------------------- GiST
    _case("ranges overlap", "SELECT * FROM bookings WHERE during && tstzrange('2022-02-02', '2022-02-03')",
          "bookings USING gist (during)"),
    _case("range contains", "SELECT * FROM bookings WHERE during @> timestamptz '2022-02-02 12:00'",
          "bookings USING gist (during)"),
    _case("in a box", "SELECT * FROM places WHERE at <@ box '((100,100),(300,300))'",
          "places USING gist (at) | places USING spgist (at)"),
    _case("nearest", "SELECT id, name FROM places ORDER BY at <-> point '(500,500)' LIMIT 5",
          "places USING gist (at) | places USING spgist (at)"),
    _case("boxes overlap", "SELECT * FROM places WHERE area && box '((10,10),(40,40))'",
          "places USING gist (area) | places USING spgist (area)"),
    _case("network", "SELECT * FROM places WHERE address << inet '10.7.0.0/16'",
          "places USING gist (address inet_ops) | places USING spgist (address) | places (address)"),
    # ------------------------------------------------------------------------------- BRIN and hash
    _case("block ranges", "SELECT count(*), min(message) FROM log WHERE at BETWEEN '2024-01-05' AND '2024-01-07'",
          "log USING brin (at)..."),
    _case("long keys", "SELECT hits FROM urls WHERE url = 'https://www.example.com/none'",
          "urls USING hash (url)"),
)

UNWANTED = (
    _case("primary key", "SELECT * FROM orders WHERE id = 77"),
    _case("tiny table", "SELECT * FROM settings WHERE value = 'value7'"),
    _case("tiny table without key", "SELECT name FROM countries WHERE id = 7"),
    _case("small unlogged table", "SELECT * FROM scratch WHERE id = 7"),
    _case("all rows", "SELECT * FROM orders"),
    _case("count", "SELECT count(*) FROM events"),
    _case("whole-table sum", "SELECT sum(total) FROM orders"),
    _case("whole-table average", "SELECT avg(value), stddev(value) FROM events"),
    _case("most rows have the status", "SELECT * FROM orders WHERE status = 'done'"),
    _case("nearly all dates", "SELECT * FROM orders WHERE placed > '2022-01-02'"),
    _case("nearly all active", "SELECT * FROM customers WHERE active"),
    _case("not deleted", "SELECT * FROM customers WHERE deleted_at IS NULL"),
    _case("nearly all differ", "SELECT * FROM orders WHERE status <> 'open'"),
    _case("not in", "SELECT * FROM events WHERE kind NOT IN ('kind1', 'kind2')"),
    _case("some rows, whichever", "SELECT * FROM orders LIMIT 10"),
    _case("some of many rows", "SELECT * FROM orders WHERE status = 'done' LIMIT 10"),
    _case("random sample", "SELECT * FROM orders WHERE random() < 0.01"),
    _case("volatile function", "SELECT * FROM orders WHERE odd(quantity)"),
    _case("day in the session's zone", "SELECT * FROM orders WHERE placed::date = '2022-07-07'"),
    _case("index is there", "SELECT * FROM events WHERE device_id = 77"),
    _case("beginning of an index", "SELECT * FROM events WHERE kind = 'kind99'"),
    _case("both keys of an index", "SELECT * FROM events WHERE kind = 'kind1' AND at > '2024-03-10 10:00'"),
    _case("GIN is there", """SELECT * FROM documents WHERE data @> '{"a": 77}'"""),
    _case("expression is there", "SELECT * FROM documents WHERE lower(owner) = 'owner77'"),
    _case("partial index is there", "SELECT * FROM documents WHERE state = 'draft'"),
    _case("key in all documents", "SELECT * FROM customers WHERE profile ? 'sku'"),
    _case("tag of all articles", "SELECT * FROM articles WHERE tags @> ARRAY['all']"),
    _case("matches everything", "SELECT * FROM customers WHERE email LIKE '%@Example.com'"),
    _case("all ranges", "SELECT * FROM bookings WHERE during && tstzrange('2019-01-01', '2030-01-01')"),
    _case("join of all rows", "SELECT c.country, sum(o.total) FROM customers c JOIN orders o ON o.customer_id = c.id GROUP BY 1"),
    _case("sort of all rows", "SELECT * FROM customers ORDER BY notes"),
    _case("groups of all rows", "SELECT status, count(*), max(note) FROM orders GROUP BY status"),
    _case("order of the primary key", "SELECT * FROM orders ORDER BY id"),
    _case("insert", "INSERT INTO counters VALUES (0, 1, 1, 'x')"),
    _case("update of all rows", "UPDATE counters SET hits = hits + 1"),
    _case("update by key", "UPDATE counters SET hits = hits + 1 WHERE id = 7"),
    _case("delete of all rows", "DELETE FROM counters"),
    _case("distances of all", "SELECT avg(at <-> point '(0,0)') FROM places"),
    _case("system catalog", "SELECT count(*) FROM pg_class WHERE relname = 'x'"),
    _case("sum of a wide table", "SELECT sum(score) FROM wide"),
    _case("count of most of a wide table", "SELECT count(*), avg(score) FROM wide WHERE score > 5"),
)  # fmt: skip


def is_best(label: str, forms: tuple[str, ...]) -> bool:
    """Whether an index, as people are shown it, has one of these forms."""
    label = label.removeprefix("public.")
    return any(re.fullmatch(re.escape(f).replace(r"\.\.\.", ".*"), label) for f in forms)


class Outcome(NamedTuple):
    """What was suggested for a case.

    Attributes:
        case: the case.
        labels: the indexes that were suggested for it.
        right: whether all that are wanted are among them, or none where none is wanted.
        gain: share of the statement's cost that they save.
    """

    case: Case
    labels: tuple[str, ...]
    right: bool
    gain: float

    @property
    def told(self) -> str:
        """For people."""
        return f"{self.gain:6.1%}  {'; '.join(self.labels) or '-'}"


def create(server: Postgres, name: str) -> str:
    """Make a database with the schema; its URL."""
    server.psql(f"CREATE DATABASE {name}")
    server.psql(SCHEMA, name)
    if server.version == 15:
        server.psql("CREATE EXTENSION hypopg", name)
    server.psql("VACUUM ANALYZE", name)
    return server.dsn(name)


def judge_each(session: Session, choice: PlannerChoice, only: str = "") -> list[Outcome]:
    """Ask for each statement by itself."""
    cases = [one for one in (*WANTED, *UNWANTED) if only in one.name]
    relations = read_relations(session)
    sizes = IndexSizes(relations)
    outcomes = []
    with open_planner(session, choice, statements=[one.sql for one in cases]).planner as planner:
        for case in cases:
            workload = from_script(case.sql, case.name)
            found = advise(
                planner, relations, workload, Options(), size=lambda one: sizes.of(one).likely_bytes
            )
            outcomes.append(_outcome(case, found))
    return outcomes


def judge_all(session: Session, choice: PlannerChoice, only: str = "") -> list[Outcome]:
    """Ask for all statements together."""
    cases = [one for one in (*WANTED, *UNWANTED) if only in one.name]
    relations = read_relations(session)
    sizes = IndexSizes(relations)
    workload = from_script(";\n".join(one.sql for one in cases), "all")
    with open_planner(session, choice, statements=[one.sql for one in cases]).planner as planner:
        found = advise(
            planner, relations, workload, Options(), size=lambda one: sizes.of(one).likely_bytes
        )
    return [_outcome(case, found) for case in cases]


def _outcome(case: Case, found: Advice) -> Outcome:
    [effect] = [one for one in found.effects if one.query.text == case.sql] or [None]
    mine = {one.label for one in found.suggestions if effect and one.index in effect.indexes}
    right = all(any(is_best(label, forms) for label in mine) for forms in case.best)
    right = right if case.best else not mine
    gain = 1 - effect.after / effect.before if effect else 0.0
    return Outcome(case, tuple(sorted(mine)), right, gain)
