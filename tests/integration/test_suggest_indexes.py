"""suggest-indexes on real servers: from statements to indexes that the planner would use."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.command import Result, dbtune
from tests.servers import Postgres, fresh_database

SCHEMA = """
CREATE EXTENSION hypopg;
CREATE TABLE customers (id int PRIMARY KEY, email text, country text);
CREATE TABLE orders (id int PRIMARY KEY, customer_id int, status text, placed date, total int);
CREATE TABLE tiny (id int PRIMARY KEY, name text);
INSERT INTO customers SELECT i, 'user' || i || '@example.com', 'c' || i % 50
    FROM generate_series(1, 20000) i;
INSERT INTO orders SELECT i, i * 7919 % 20000 + 1, CASE i % 100 WHEN 0 THEN 'open' ELSE 'done' END,
    date '2020-01-01' + i % 1500, i % 977 FROM generate_series(1, 100000) i;
INSERT INTO tiny SELECT i, 'n' || i FROM generate_series(1, 20) i;
CREATE INDEX orders_placed ON orders (placed);
VACUUM ANALYZE;
"""


@pytest.fixture(scope="module")
def shop(pg: Callable[[int], Postgres]) -> Iterator[str]:
    """The URL of a small shop on PostgreSQL 15, which has HypoPG."""
    server = pg(15)
    with fresh_database(server) as name:
        for statement in SCHEMA.split(";")[:-1]:
            server.psql(statement, name)
        yield server.dsn(name)


def suggest(url: str, *arguments: str) -> Result:
    return dbtune("suggest-indexes", url, "--planner", "hypopg", "-f", "json", *arguments)


def found(result: Result) -> list[str]:
    return [row["index"] for row in result.ok().json["suggestions"]]


def test_an_index_for_one_statement(shop: str) -> None:
    result = suggest(shop, "--sql", "SELECT * FROM orders WHERE customer_id = 42").ok()
    [row] = result.json["suggestions"]
    assert row["index"] == "public.orders (customer_id)"
    assert row["sql"] == (
        'CREATE INDEX CONCURRENTLY "orders_customer_id_idx" ON "public"."orders" ("customer_id");'
    )
    assert row["saved_ratio"] > 0.9
    assert 1e6 < row["size_bytes"] < 4e6
    [statement] = result.json["statements"]
    assert statement["after_cost"] < statement["before_cost"] / 10
    assert statement["indexes"] == ["1"]
    [finding] = result.json["findings"]
    assert finding["rule"] == "pg.missing-index"
    assert finding["confidence"] == "estimated"


def test_without_statistics_it_is_a_guess_and_stores_nothing(pg15: Postgres) -> None:
    """pg_monitor lets a role see statements, but not the statistics of columns."""
    with fresh_database(pg15) as name:
        for statement in SCHEMA.split(";")[:-1]:
            pg15.psql(statement, name)
        pg15.psql("DROP ROLE IF EXISTS watcher", name)
        pg15.psql("CREATE ROLE watcher LOGIN PASSWORD 'p' IN ROLE pg_monitor", name)
        sql = "SELECT total FROM orders WHERE customer_id BETWEEN 100 AND 5000"
        [seen] = dbtune(
            "suggest-indexes", pg15.dsn(name), "--planner", "lab", "-f", "json", "--sql", sql
        ).json["suggestions"]
        assert (seen["include"], seen["confidence"]) == (["total"], "estimated")
        [row] = dbtune(
            "suggest-indexes", pg15.dsn(name, "watcher", "p"), "-f", "json", "--sql", sql
        ).json["suggestions"]
    assert (row["index"], row["confidence"]) == ("public.orders (customer_id)", "rule of thumb")
    assert "there are no statistics of customer_id, or this role may not see them" in row["doubt"]


def test_an_index_for_patterns_that_nobody_knows_is_a_guess(pg: Callable[[int], Postgres]) -> None:
    with fresh_database(pg(18)) as name:
        pg(18).psql(
            "CREATE EXTENSION pg_trgm; CREATE TABLE notes AS SELECT i AS id, md5(i::text) AS body "
            "FROM generate_series(1, 50000) i; ANALYZE",
            name,
        )
        asked = ("suggest-indexes", pg(18).dsn(name), "-f", "json", "--sql")
        statement = "SELECT * FROM notes WHERE body ILIKE "
        for pattern, guess in (("$1", True), ("lower($1)", True), ("'%abcdef%'", False)):
            rows = dbtune(*asked, statement + pattern).ok().json["suggestions"]
            [row] = [one for one in rows if one["method"] == "gin"]
            assert ("patterns that do not begin with" in row["doubt"]) is guess, pattern
            assert row["confidence"] == ("rule of thumb" if guess else "estimated")


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM orders WHERE id = 42",
        "SELECT * FROM tiny WHERE name = 'n3'",
        "SELECT * FROM orders",
        "SELECT sum(total) FROM orders WHERE status = 'done'",
        "SELECT * FROM orders WHERE placed = '2021-01-01'",
    ],
)
def test_no_index_where_none_would_help(shop: str, statement: str) -> None:
    assert found(suggest(shop, "--sql", statement)) == []


def test_an_existing_index_is_replaced_not_added_beside(shop: str) -> None:
    sql = "SELECT placed, total FROM orders WHERE placed > '2021-06-01' AND placed < '2021-07-15'"
    [row] = suggest(shop, "--sql", sql).ok().json["suggestions"]
    assert row["index"] == "public.orders (placed) INCLUDE (total)"
    assert row["replaces"] == ["public.orders_placed"]
    script = dbtune("suggest-indexes", shop, "--planner", "hypopg", "--sql", sql, "-f", "sql").ok()
    assert "CREATE INDEX CONCURRENTLY" in script.out
    assert 'DROP INDEX CONCURRENTLY "public"."orders_placed";' in script.out


def test_a_script_of_statements_within_a_budget(shop: str, tmp_path: Path) -> None:
    script = tmp_path / "workload.sql"
    script.write_text(
        "-- the shop\nSELECT * FROM orders WHERE customer_id = 42;\n"
        "SELECT * FROM customers WHERE email = 'user7@example.com';\n"
        "SELECT nonsense FROM orders;\nCREATE TABLE x (y int);\n"
    )
    result = suggest(shop, "--file", str(script)).ok()
    assert set(found(result)) == {"public.orders (customer_id)", "public.customers (email)"}
    assert [row["statement"] for row in result.json["not_planned"]] == [
        "CREATE TABLE x (y int)",
        "SELECT nonsense FROM orders",
    ]
    assert result.json["summary"]["statements_passed"] == 2
    assert found(suggest(shop, "--file", str(script), "--budget", "1MB")) == [
        "public.customers (email)"
    ]
    for limit in ("--max-indexes", "--max-per-table"):
        one = suggest(shop, "--file", str(script), limit, "1")
        more = [note for note in one.json["notes"] if "1 more index would help" in note]
        assert (len(found(one)), len(more)) == ((1, 1) if limit == "--max-indexes" else (2, 0))


def test_a_budget_that_nothing_fits_into_is_not_said_to_be_no_help(shop: str) -> None:
    ask = ("--sql", "SELECT * FROM orders WHERE customer_id = 42", "--budget")
    told = dbtune("suggest-indexes", shop, "--planner", "hypopg", *ask, "100kB").ok().out
    assert "no index that fits into 100 KiB would help" in told
    assert found(suggest(shop, *ask, "100%")) == ["public.orders (customer_id)"]


def test_the_workload_of_pg_stat_statements(pg15: Postgres) -> None:
    with fresh_database(pg15) as name:
        for statement in (*SCHEMA.split(";")[:-1], "CREATE EXTENSION pg_stat_statements"):
            pg15.psql(statement, name)
        pg15.psql("SELECT pg_stat_statements_reset()", name)
        for number in range(20):
            pg15.psql(f"SELECT * FROM orders WHERE customer_id = {number}", name)
        result = suggest(pg15.dsn(name))
        assert found(result)[0] == "public.orders (customer_id)"
        row = next(r for r in result.json["statements"] if "customer_id = $1" in r["statement"])
        assert row["calls"] == 20
        assert any("planned with values" in note for note in result.json["notes"])
        assert row["total_ms"] > 0


def test_equal_input_gives_equal_output(shop: str) -> None:
    sql = "SELECT status, count(*) FROM orders WHERE customer_id < 500 GROUP BY status"
    outputs = {suggest(shop, "--sql", sql).ok().out for _ in range(2)}
    assert len({re.sub(r'"(search_seconds|collected_at)": [^,]*', "", out) for out in outputs}) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--budget", "lots"), "neither a size nor a share"),
        (("--budget", "5"), "neither a size nor a share"),
        (("--min-gain", "150%"), "not a share"),
        (("--file", "/nonexistent.sql"), "can't be read"),
        (("--file", "x.sql", "--sql", "SELECT 1"), "give --file or --sql, not both"),
        (("--sql", "VACUUM"), "no statement that an index could serve"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(
    shop: str, arguments: tuple[str, ...], said: str
) -> None:
    result = suggest(shop, *arguments)
    assert result.code == 2
    assert said in result.err
    assert "Traceback" not in result.err


def test_nothing_is_saved_of_what_could_not_be_planned(shop: str) -> None:
    made = suggest(shop, "--sql", "SELECT * FROM nowhere").ok().json
    assert made["summary"]["saved_ratio"] == 0
    assert made["summary"]["statements_passed"] == 1


@pytest.mark.parametrize("version", [13, 16, 18])
def test_without_any_extension_the_lab_answers(pg: Callable[[int], Postgres], version: int) -> None:
    server = pg(version)
    with fresh_database(server) as name:
        for statement in SCHEMA.split(";")[1:-1]:
            server.psql(statement, name)
        made = dbtune(
            "suggest-indexes", server.dsn(name), "-f", "json",
            "--sql", "SELECT * FROM orders WHERE customer_id = 42",
        ).ok().json  # fmt: skip
        assert [row["index"] for row in made["suggestions"]] == ["public.orders (customer_id)"]
        assert made["summary"]["planner"] == "lab"
        assert any("HypoPG is not installed" in note for note in made["notes"])
