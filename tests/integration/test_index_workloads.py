"""Where suggest-indexes takes statements from, and what becomes of odd ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.command import Result, dbtune
from tests.servers import PgBouncer, Postgres, fresh_database

SCHEMA = """
CREATE TABLE orders (id int PRIMARY KEY, customer_id int, status text, placed date, total int);
INSERT INTO orders SELECT i, i * 7919 % 20000 + 1, CASE i % 100 WHEN 0 THEN 'open' ELSE 'done' END,
    date '2020-01-01' + i % 1500, i % 977 FROM generate_series(1, 30000) i;
CREATE TABLE archive (LIKE orders);
INSERT INTO archive SELECT * FROM orders WHERE id % 5 = 0;
CREATE SCHEMA other;
CREATE TABLE other.hidden (id int, key int);
INSERT INTO other.hidden SELECT i, i % 5000 FROM generate_series(1, 20000) i;
CREATE TABLE "Mixed Case" ("Id" bigint PRIMARY KEY, "Name" text);
INSERT INTO "Mixed Case" SELECT i, 'name' || i FROM generate_series(1, 20000) i;
CREATE VIEW recent (order_id, customer, day) AS
    SELECT id, customer_id, placed FROM orders WHERE placed > '2020-01-03';
CREATE VIEW most_recent AS SELECT order_id, customer FROM recent WHERE day > '2021-01-01';
CREATE PROCEDURE refresh_all(int) LANGUAGE sql AS 'SELECT 1';
"""


@pytest.fixture(scope="module")
def shop(pg: Callable[[int], Postgres]) -> Iterator[tuple[Postgres, str]]:
    """A database of PostgreSQL 15, which has HypoPG."""
    server = pg(15)
    with fresh_database(server) as name:
        server.psql(SCHEMA, name)
        server.psql("CREATE EXTENSION hypopg; CREATE EXTENSION pg_stat_statements", name)
        server.psql("VACUUM ANALYZE", name)
        yield server, name


def suggest(url: str, *more: str) -> Result:
    return dbtune("suggest-indexes", url, "-f", "json", *more)


def indexes(result: Result) -> set[str]:
    return {row["index"] for row in result.ok().json["suggestions"]}


@pytest.mark.parametrize(
    ("statement", "wanted"),
    [
        ("SELECT * FROM recent WHERE customer = 7", "orders (customer_id)"),
        ("SELECT * FROM most_recent WHERE customer = 7", "orders (customer_id)"),
        (
            "WITH late AS (SELECT * FROM orders WHERE placed > '2020-05-01') "
            "SELECT * FROM late WHERE customer_id = 7",
            "orders (customer_id)",
        ),
        (
            "SELECT * FROM archive a WHERE a.id < 50 AND a.total > "
            "(SELECT avg(total) FROM orders o WHERE o.customer_id = a.customer_id)",
            "orders (customer_id)",
        ),
        ("SELECT * FROM orders WHERE total = 974 OR customer_id = 13", "orders (total)"),
        ("SELECT * FROM orders WHERE total = 974 OR customer_id = 13", "orders (customer_id)"),
        ("SELECT * FROM orders WHERE customer_id = ANY ($1)", "orders (customer_id)"),
        (
            "SELECT id FROM orders WHERE customer_id = 11 UNION SELECT id FROM archive "
            "WHERE total = 900",
            "orders (customer_id)",
        ),
        (
            "SELECT id FROM orders WHERE customer_id = 11 UNION SELECT id FROM archive "
            "WHERE total = 900",
            "archive (total)",
        ),
        ("DELETE FROM orders WHERE total = 5", "orders (total)"),
        (
            "UPDATE archive SET total = 0 FROM orders o WHERE archive.id = o.id AND o.total = 976",
            "orders (total)",
        ),
        (
            "DELETE FROM archive USING orders o WHERE archive.customer_id = o.customer_id "
            "AND o.total = 976",
            "orders (total)",
        ),
        ("INSERT INTO archive SELECT * FROM orders WHERE customer_id = 3", "orders (customer_id)"),
        (
            "MERGE INTO archive a USING (SELECT * FROM orders WHERE customer_id = 9) o "
            "ON a.id = o.id WHEN MATCHED THEN UPDATE SET total = o.total",
            "orders (customer_id)",
        ),
        ("SELECT * FROM hidden WHERE key = 9", "other.hidden (key)"),
        ('SELECT * FROM "Mixed Case" WHERE "Name" = ?', "Mixed Case (Name)"),
        ("DECLARE c CURSOR FOR SELECT * FROM orders WHERE customer_id = 5", "orders (customer_id)"),
    ],
)
def test_tables_are_found_wherever_they_stand(
    shop: tuple[Postgres, str], tmp_path: Path, statement: str, wanted: str
) -> None:
    pg, name = shop
    script = tmp_path / "one.sql"
    script.write_text(statement)
    found = indexes(suggest(pg.dsn(name), "--file", str(script), "--planner", "hypopg"))
    assert any(wanted in one for one in found), found


ODD = {
    "DO $$ BEGIN PERFORM 1; END $$": "not a SELECT",
    "CALL refresh_all(3)": "not a SELECT",
    "COPY orders TO STDOUT": "not a SELECT",
    "SET search_path = other": "not a SELECT",
    "SELEC * FROM orders": "not a SELECT",
    "SELECT * FROM temp_import WHERE id = 5": 'relation "temp_import" does not exist',
    "SELECT gone(id) FROM orders WHERE total = 7": "function gone(integer) does not exist",
    "SELECT * FROM mixed_case WHERE name = 'x'": 'relation "mixed_case" does not exist',
    "SELECT * FROM orders WHERE": "syntax error at end of input",
    "SELECT 1/0": "division by zero",
    "SELECT * FROM orders WHERE total = 1 AND 'open": "unterminated quoted string",
}


@pytest.mark.parametrize("planner", ["hypopg", "lab"])
def test_odd_statements_are_named_and_never_fatal(
    shop: tuple[Postgres, str], tmp_path: Path, planner: str
) -> None:
    pg, name = shop
    script = tmp_path / "odd.sql"
    script.write_text(";\n".join(["SELECT * FROM orders WHERE customer_id = 3", *ODD]))
    result = suggest(pg.dsn(name), "--file", str(script), "--planner", planner)
    assert indexes(result) == {"public.orders (customer_id)"}
    reasons = {row["statement"]: row["reason"] for row in result.json["not_planned"]}
    assert reasons.keys() == ODD.keys()
    for text, said in ODD.items():
        assert said in reasons[text]
    assert result.json["summary"]["statements_passed"] == len(ODD)


def test_odd_statements_of_pg_stat_statements(shop: tuple[Postgres, str]) -> None:
    pg, name = shop
    pg.psql("SELECT pg_stat_statements_reset()", name)
    pg.psql("CREATE TEMP TABLE passing (a int); SELECT * FROM passing WHERE a = 1", name)
    pg.psql("DO $$ BEGIN PERFORM 1; END $$", name)
    pg.psql("CALL refresh_all(1)", name)
    pg.psql("SET search_path = other; SELECT * FROM hidden WHERE key = 5", name)
    for number in range(5):
        pg.psql(f"SELECT * FROM recent WHERE customer = {number}", name)
    result = suggest(pg.dsn(name), "--planner", "hypopg")
    assert {"public.orders (customer_id)", "other.hidden (key)"} <= indexes(result)
    reasons = {row["statement"]: row["reason"] for row in result.json["not_planned"]}
    assert reasons == {"SELECT * FROM passing WHERE a = $1": 'relation "passing" does not exist'}
    assert any("without a plan were left out" in note for note in result.json["notes"])


def test_the_workload_of_a_log(new_pg: Callable[[int], Postgres]) -> None:
    server = new_pg(16).start(
        {
            "log_min_duration_statement": "0",
            "logging_collector": "on",
            "log_filename": "pg.log",
            "log_line_prefix": "%m [%p] %u@%d ",
        }
    )
    server.psql(SCHEMA)
    server.psql("VACUUM ANALYZE")
    server.create_database("elsewhere")
    for number in range(5):
        server.psql(f"SELECT * FROM orders WHERE customer_id = {number}")
        server.psql("SELECT count(*) FROM pg_class WHERE relname = 'x'", "elsewhere")
    with server.connect() as connection:
        connection.execute("SELECT * FROM archive WHERE total = %s", (99,), prepare=True)
    log = server.data / "log" / "pg.log"
    result = suggest(server.dsn(), "--log", str(log))
    assert indexes(result) >= {"public.orders (customer_id)", "public.archive (total)"}
    rows = {row["statement"]: row for row in result.json["statements"]}
    row = rows["SELECT * FROM orders WHERE customer_id = $1"]
    assert row["calls"] == 5
    assert row["total_ms"] > 0
    assert any("of other databases" in note for note in result.json["notes"])
    assert result.json["summary"]["source"] == str(log)
    gone = suggest(server.dsn(), "--log", "/nonexistent.log")
    assert gone.code == 2
    both = suggest(server.dsn(), "--log", str(log), "--sql", "SELECT 1")
    assert (both.code, "not both" in both.err) == (2, True)


def test_a_snapshot_is_as_good_as_the_server(shop: tuple[Postgres, str], tmp_path: Path) -> None:
    pg, name = shop
    pg.psql("SELECT pg_stat_statements_reset()", name)
    for number in range(5):
        pg.psql(f"SELECT * FROM recent WHERE customer = {number}", name)
        pg.psql(
            "SELECT date_trunc('month', placed), count(*) FROM orders WHERE total = 9 "
            "GROUP BY date_trunc('month', placed)",
            name,
        )
    file = str(tmp_path / "shop.json.gz")
    dbtune("snapshot", pg.dsn(name), "--output", file).ok()
    saved = dbtune("suggest-indexes", "--from", file, "-f", "json")
    live = suggest(pg.dsn(name), "--planner", "lab")
    for result in (saved, live):
        for wanted in ("public.orders (customer_id", "public.orders (total"):
            assert any(label.startswith(wanted) for label in indexes(result))
    costs = [
        {row["statement"]: row["before_cost"] for row in result.json["statements"]}
        for result in (saved, live)
    ]
    for text in costs[0].keys() & costs[1].keys():
        assert costs[0][text] == pytest.approx(costs[1][text], rel=0.01)
    assert costs[0].keys() & costs[1].keys()
    one = ("--sql", "SELECT * FROM archive WHERE total = ?")
    assert indexes(dbtune("suggest-indexes", "--from", file, "-f", "json", *one)) == {
        "public.archive (total)"
    }
    for refused in (("--apply",), ("--interval", "5s"), ("--planner", "hypopg")):
        result = dbtune("suggest-indexes", "--from", file, *refused)
        assert result.code == 2
        assert "need" in result.err


def test_where_little_is_allowed(
    pg: Callable[[int], Postgres], pgbouncer: Callable[[], PgBouncer]
) -> None:
    """A role with pg_monitor only, that may read no table; through PgBouncer, too."""
    server = pg(16)
    with fresh_database(server) as name:
        server.psql(SCHEMA, name)
        server.psql("CREATE EXTENSION pg_stat_statements", name)
        server.psql("VACUUM ANALYZE", name)
        server.psql("SELECT pg_stat_statements_reset()", name)
        for number in range(5):
            server.psql(f"SELECT * FROM orders WHERE customer_id = {number}", name)
        server.psql("CREATE ROLE index_watcher LOGIN PASSWORD 'w' IN ROLE pg_monitor")
        try:
            result = suggest(server.dsn(name, "index_watcher", "w"))
            assert "public.orders (customer_id)" in indexes(result)
            pooler = pgbouncer().start_for(server)
            pooled = suggest(pooler.dsn(name))
            assert "public.orders (customer_id)" in indexes(pooled)
        finally:
            server.psql("DROP ROLE index_watcher")


def test_a_standby(new_pg: Callable[[int], Postgres]) -> None:
    primary = new_pg(18).start()
    primary.psql(SCHEMA)
    primary.psql("CREATE EXTENSION pg_stat_statements")
    primary.psql("VACUUM ANALYZE")
    with primary.standby() as standby:
        primary.wait_for_standby(standby)
        for number in range(5):
            standby.psql(f"SELECT * FROM orders WHERE customer_id = {number}")
        assert "public.orders (customer_id)" in indexes(suggest(standby.dsn()))


def test_without_pg_stat_statements_it_says_what_there_is(pg: Callable[[int], Postgres]) -> None:
    server = pg(14)
    with fresh_database(server) as name:
        server.psql(SCHEMA, name)
        result = suggest(server.dsn(name)).ok()
        skipped = next(one for one in result.json["skipped"] if one["what"] == "new indexes")
        assert "CREATE EXTENSION pg_stat_statements" in skipped["remedy"]
        assert "--log, --file or --sql" in skipped["remedy"]


def test_a_key_that_begins_with_the_tables_order_serves_its_first_column(
    shop: tuple[Postgres, str],
) -> None:
    """The planner believes less of it than of a narrow index, but the same pages are read."""
    pg, name = shop
    pg.psql(
        "CREATE TABLE event (tenant int, id int, note text, PRIMARY KEY (tenant, id));"
        "INSERT INTO event SELECT i / 400, i, repeat('x', 90) FROM generate_series(1, 60000) i",
        name,
    )
    pg.psql("VACUUM ANALYZE event", name)
    statement = "SELECT note FROM event WHERE tenant = 57"
    costs = []
    for extra in ("", "CREATE INDEX event_tenant ON event (tenant)"):
        pg.psql(extra or "SELECT 1", name)
        [(plan,)] = pg.psql(f"EXPLAIN (FORMAT JSON) {statement}", name)
        costs.append(plan[0]["Plan"]["Total Cost"])
    assert costs[1] < 0.7 * costs[0], "so that a narrow index would seem to pay"
    pg.psql("DROP INDEX event_tenant", name)
    for planner in ("hypopg", "lab"):
        assert indexes(suggest(pg.dsn(name), "--sql", statement, "--planner", planner)) == set()
