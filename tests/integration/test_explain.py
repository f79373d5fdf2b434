"""explain on real servers: what is asked, what is refused, and that nothing stays behind."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.command import Result, dbtune
from tests.servers import PgBouncer, Postgres, fresh_database

SCHEMA = """
CREATE EXTENSION pg_stat_statements;
CREATE TABLE customers(id int PRIMARY KEY, city text);
CREATE TABLE orders(id int PRIMARY KEY, customer_id int, status text, total numeric);
INSERT INTO customers SELECT i, 'c' || i % 50 FROM generate_series(1, 2000) i;
INSERT INTO orders SELECT i, i % 2000 + 1, CASE WHEN i % 500 = 0 THEN 'open' ELSE 'done' END, i
FROM generate_series(1, 50000) i;
CREATE TABLE events(at date, n int) PARTITION BY RANGE (at);
CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM ('2021-01-01') TO ('2022-01-01');
CREATE SEQUENCE numbers;
CREATE FUNCTION sneaky() RETURNS int LANGUAGE plpgsql AS
    'BEGIN DELETE FROM orders; RETURN 1; END';
CREATE SCHEMA hidden;
CREATE TABLE hidden.secret(id int);
ANALYZE;
"""


@pytest.fixture(scope="module")
def databases() -> Iterator[dict[int, str]]:
    with contextlib.ExitStack() as stack:
        yield _Databases(stack)


class _Databases(dict[int, str]):
    """Names of databases with the schema, by version: each is made once."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        super().__init__()
        self._stack = stack

    def of(self, pg: Postgres) -> str:
        if pg.version not in self:
            self[pg.version] = self._stack.enter_context(fresh_database(pg))
            pg.psql(SCHEMA, self[pg.version])
        return self[pg.version]


@pytest.fixture
def shop(any_pg: Postgres, databases: _Databases) -> tuple[Postgres, str]:
    """A server of each version, and the URL of a database with orders in it."""
    return any_pg, any_pg.dsn(databases.of(any_pg))


@pytest.fixture
def shop18(pg18: Postgres, databases: _Databases) -> tuple[Postgres, str]:
    """As shop, of one version only."""
    return pg18, pg18.dsn(databases.of(pg18))


def asked(url: str, sql: str, *options: str) -> Result:
    return dbtune("explain", "--sql", sql, url, "-f", "json", "-q", *options)


def nodes(result: Result) -> Any:
    (plan,) = result.ok().json["plans"]
    return plan["nodes"]


def count(url: str, table: str = "orders") -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
    assert row is not None
    return int(row[0])


def prepared(url: str) -> int:
    return count(url, "pg_prepared_statements")


OPEN = "SELECT * FROM orders WHERE status = 'open'"


def test_an_estimate(shop: tuple[Postgres, str]) -> None:
    pg, url = shop
    result = asked(url, OPEN)
    (node,) = nodes(result)
    assert (node["type"], node["relation"], node["loops"]) == ("Seq Scan", "orders", None)
    plan = result.json["plans"][0]
    assert not plan["analyzed"]
    assert plan["verbose"]
    assert plan["planning_ms"] > 0
    assert plan["source"]["version_guess"] == pg.version
    assert plan["statement"] == OPEN
    assert (plan["planning"]["memory_used_kb"] is not None) == (pg.version >= 17)
    assert result.json["target"]["server"].startswith(f"PostgreSQL {pg.version}")


def test_an_execution(shop: tuple[Postgres, str]) -> None:
    pg, url = shop
    result = asked(url, OPEN, "--analyze", "--planner", "none")
    (node,) = nodes(result)
    assert (node["total_rows"], node["removed"]["filter"]) == (100, 49900)
    assert node["buffers"]["shared_hit"] + node["buffers"]["shared_read"] > 100
    plan = result.json["plans"][0]
    assert plan["execution_ms"] > 0
    assert plan["planning_ms"] > 0.005  # it is planned anew, not taken from the guard's PREPARE
    assert (plan["serialization"] is not None) == (pg.version >= 17)
    assert result.json["notes"] == []


@pytest.mark.parametrize("options", [(), ("--generic",)])
def test_parameters_without_values_have_a_generic_plan(
    shop: tuple[Postgres, str], options: tuple[str, ...]
) -> None:
    pg, url = shop
    found = nodes(asked(url, "SELECT * FROM orders WHERE id = $1", *options))
    assert found[0]["conditions"]["Index Cond"] == "(orders.id = $1)"
    both = asked(url, "SELECT * FROM events WHERE at = $1", *options)
    kinds = [node["relation"] for node in nodes(both)[1:]]
    if pg.version >= 16:
        assert kinds == ["events_1", "events_2"]
    else:
        assert kinds == []
        assert "partitions" in both.json["notes"][0]


def test_parameters_with_values(shop: tuple[Postgres, str]) -> None:
    _, url = shop
    sql = "SELECT * FROM orders WHERE status = $1 AND total < $2"
    ask = (url, sql, "--param", "1=open", "--param", "$2=1000", "--analyze")
    assert nodes(asked(*ask))[0]["conditions"]["Filter"] == (
        "((orders.total < '1000'::numeric) AND (orders.status = 'open'::text))"
    )
    assert nodes(asked(*ask))[0]["total_rows"] == 1
    assert "$1" in nodes(asked(*ask, "--generic"))[0]["conditions"]["Filter"]
    evil = r"x'); DROP TABLE orders; --\N"
    assert nodes(asked(url, sql, "--param", f"1={evil}", "--param", "2=1", "--analyze"))
    null = nodes(asked(url, sql, "--param", r"1=\N", "--param", "2=1"))
    assert null[0]["type"] == "Result"
    assert count(url) == 50000


def test_parameters_that_lack_or_are_too_many(shop18: tuple[Postgres, str]) -> None:
    _, url = shop18
    sql = "SELECT * FROM orders WHERE status = $1 AND total < $2"
    for options, expected in (
        (("--analyze",), "--param 1=VALUE --param 2=VALUE"),
        (("--param", "1=x"), "--param 2=VALUE"),
        (("--param", "3=x"), "has no $3"),
    ):
        result = asked(url, sql, *options)
        assert result.code == 2
        assert expected in result.err


WRITES = (
    "UPDATE orders SET total = 0",
    "DELETE FROM orders",
    "INSERT INTO orders SELECT -1",
    "WITH gone AS (DELETE FROM orders RETURNING id) SELECT * FROM gone",
    "SELECT * FROM orders WHERE id = 1 FOR UPDATE",
    "SELECT * INTO copied FROM orders",
    "SELECT * /* ' */ iNTo copied FROM orders -- '",
    "SELECT nextval('numbers')",
    "SELECT sneaky()",
    "SELECT set_config('transaction_read_only', 'off', true), sneaky()",
)


@pytest.mark.parametrize("sql", WRITES)
def test_what_writes_is_not_executed(shop: tuple[Postgres, str], sql: str) -> None:
    _, url = shop
    result = asked(url, sql, "--analyze")
    assert result.code == 2, result.out
    assert count(url) == 50000
    assert count(url, "pg_class WHERE relname = 'copied'") == 0
    if "set_config" not in sql and "prepared" not in result.err:
        assert "--allow-write" in result.err


@pytest.mark.parametrize("sql", WRITES[:5])
def test_what_writes_can_be_planned_and_be_executed_and_undone(
    shop: tuple[Postgres, str], sql: str
) -> None:
    _, url = shop
    assert not asked(url, sql).ok().json["plans"][0]["analyzed"]
    result = asked(url, sql, "--analyze", "--allow-write")
    assert nodes(result)[0]["loops"] == 1
    assert "sequences" in result.json["notes"][0]
    assert "dead rows" in result.json["notes"][0]
    assert count(url) == 50000


def test_functions_that_write_are_undone(shop18: tuple[Postgres, str]) -> None:
    _, url = shop18
    assert asked(url, "SELECT sneaky()", "--analyze", "--allow-write").ok().json["notes"]
    assert count(url) == 50000


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT 1; DROP TABLE orders", "more than one statement"),
        ("SELECT 1; SELECT 2", "more than one statement"),
        ("DROP TABLE orders", "not DROP"),
        ("VACUUM orders", "not VACUUM"),
        ("CREATE TABLE copied AS SELECT 1", "not CREATE"),
        ("EXPLAIN ANALYZE DELETE FROM orders", "leave EXPLAIN out"),
        ("COMMIT", "not COMMIT"),
        ("ANALYZE) DELETE FROM orders", "not ANALYZE"),
        (") DELETE FROM orders", "syntax error"),
        ("SELECT * FORM orders", 'line 1, column 10: syntax error at or near "FORM"'),
        ("SELECT 1,\n  nix FROM orders", "line 2, column 3: column"),
        ("SELECT * FROM secret", "--search-path"),
        ("SELECT 1 /* no end", "unterminated"),
        ("SELECT :'variable'", "psql"),
        ("-- nothing", "there is no statement"),
        (" ", "there is no statement"),
        ("SELECT '\udcff'", "characters"),
    ],
)
def test_what_is_not_one_statement_with_a_plan(
    shop18: tuple[Postgres, str], sql: str, expected: str
) -> None:
    _, url = shop18
    for options in ((), ("--analyze",), ("--analyze", "--allow-write")):
        result = asked(url, sql, *options)
        assert result.code == 2
        assert expected in result.err
        assert len(result.err.splitlines()) <= 2
    assert count(url) == 50000


def test_search_path(shop18: tuple[Postgres, str]) -> None:
    _, url = shop18
    found = nodes(asked(url, "SELECT * FROM secret", "--search-path", "hidden, public"))
    assert found[0]["schema"] == "hidden"


def test_time_limits(shop18: tuple[Postgres, str]) -> None:
    _, url = shop18
    slow = asked(url, "SELECT pg_sleep(60)", "--analyze", "--timeout", "200ms")
    assert slow.code == 3
    assert "--timeout" in slow.err
    with psycopg.connect(url) as other:
        other.execute("LOCK TABLE orders")
        locked = asked(url, OPEN)
    assert locked.code == 3
    assert "lock" in locked.err


def test_a_file_with_the_statement(shop18: tuple[Postgres, str], tmp_path: Path) -> None:
    _, url = shop18
    file = tmp_path / "q.sql"
    file.write_text(f"\ufeff-- a comment\n{OPEN};\n")
    result = dbtune("explain", "--file", str(file), url, "-f", "json").ok()
    assert result.json["plans"][0]["nodes"][0]["relation"] == "orders"


def test_a_statement_of_pg_stat_statements(shop: tuple[Postgres, str]) -> None:
    pg, url = shop
    text = "SELECT count(*) AS by_number FROM orders WHERE total > 7 AND now() > now() - {}"
    with psycopg.connect(url, autocommit=True) as db:
        db.execute(text.format("interval '1 day'").encode())
        row = db.execute(
            "SELECT queryid FROM pg_stat_statements WHERE query LIKE '%by_number%' AND "
            "query NOT LIKE '%pg_stat%' AND dbid = (SELECT oid FROM pg_database "
            "WHERE datname = current_database())"
        ).fetchone()
    assert row is not None
    ask = ("explain", "--queryid", str(row[0]), "-f", "json")
    result = dbtune(*ask, url).ok()
    assert result.json["plans"][0]["nodes"][-1]["relation"] == "orders"
    executed = dbtune(*ask, url, "--analyze", "--param", "1=7", "--param", "2=1 day").ok()
    assert executed.json["plans"][0]["nodes"][0]["total_rows"] == 1
    with fresh_database(pg) as other:
        pg.psql("CREATE EXTENSION pg_stat_statements", other)
        elsewhere = dbtune(*ask, pg.dsn(other))
    assert elsewhere.code == 2
    assert "run in database" in elsewhere.err
    unknown = dbtune("explain", "--queryid", "-12", url)
    assert "has no statement -12" in unknown.err


def test_as_a_plain_role(shop: tuple[Postgres, str]) -> None:
    pg, url = shop
    role = f"explain_plain_{pg.version}"
    pg.psql(f"DROP ROLE IF EXISTS {role}; CREATE ROLE {role} LOGIN PASSWORD 'p'")
    database = url.rpartition("/")[2]
    pg.psql(f"GRANT SELECT ON orders TO {role}", database)
    try:
        theirs = pg.dsn(database, user=role, password="p")
        assert nodes(asked(theirs, OPEN, "--analyze"))[0]["total_rows"] == 100
        refused = asked(theirs, "SELECT * FROM customers", "--analyze")
        assert refused.code == 2
        assert "permission denied" in refused.err
    finally:
        pg.psql(f"DROP OWNED BY {role}; DROP ROLE {role}", database)


def test_through_pgbouncer_nothing_stays_prepared(
    shop: tuple[Postgres, str], pgbouncer: Callable[[], PgBouncer]
) -> None:
    pg, url = shop
    database = url.rpartition("/")[2]
    pooler = pgbouncer().start_for(pg, default_pool_size=1)
    pooled = pooler.dsn(database)
    for sql, options in (
        (OPEN, ("--analyze",)),
        ("SELECT * FROM orders WHERE id = $1", ()),
        ("SELECT * FROM orders WHERE id = $1", ("--param", "1=5", "--analyze")),
    ):
        asked(pooled, sql, *options).ok()
        assert prepared(pooled) == 0
    assert asked(pooled, "UPDATE orders SET total = 0", "--analyze").code == 2
    assert asked(pooled, "SELECT 1/0", "--analyze").code == 2
    assert prepared(pooled) == 0
    assert count(pooled) == 50000


def test_on_a_hot_standby(new_pg: Callable[[], Postgres]) -> None:
    primary = new_pg().start()
    primary.psql(SCHEMA)
    with primary.standby() as standby:
        primary.wait_for_standby(standby)
        assert nodes(asked(standby.dsn(), OPEN, "--analyze"))[0]["total_rows"] == 100
        assert nodes(asked(standby.dsn(), "SELECT * FROM orders WHERE id = $1"))
        assert (
            nodes(asked(standby.dsn(), "UPDATE orders SET total = 0"))[0]["type"] == "ModifyTable"
        )
        refused = asked(standby.dsn(), "DELETE FROM orders", "--analyze", "--allow-write")
        assert refused.code == 2
        assert "primary" in refused.err


def test_dbtune_is_not_what_it_shows(shop18: tuple[Postgres, str]) -> None:
    pg, url = shop18
    name = url.rpartition("/")[2]
    database = "(SELECT oid FROM pg_database WHERE datname = current_database())"
    pg.psql(f"SELECT pg_stat_statements_reset(0, {database}, 0)", name)  # other tests' EXPLAINs
    asked(url, OPEN + " /* mine */", "--analyze").ok()
    kept = pg.psql(f"SELECT query FROM pg_stat_statements WHERE dbid = {database}", name)
    texts = [row[0] for row in kept]
    assert not [text for text in texts if "EXPLAIN (" in text]


def test_people_see_a_tree(shop18: tuple[Postgres, str]) -> None:
    _, url = shop18
    sql = "SELECT city, count(*) FROM orders o JOIN customers c ON c.id = customer_id GROUP BY 1"
    result = dbtune("explain", "--sql", sql, url, "--analyze", env={"COLUMNS": "80"}).ok()
    assert "Seq Scan on orders o" in result.out
    assert "execution" in result.out
    assert max(len(line) for line in result.out.splitlines() if "CREATE" not in line) <= 80
