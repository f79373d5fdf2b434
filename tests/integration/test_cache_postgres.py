"""cache on real PostgreSQL: a materialised view gives the statement's answer, or there is none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import psycopg
import pytest

from dbtune.postgres.caching.rewrite import Refused, rewrite
from dbtune.postgres.caching.script import cron, schedules
from tests.command import dbtune
from tests.servers import Postgres, fresh_database

SCHEMA = """
CREATE SCHEMA "odd "" schema";
CREATE TABLE "odd "" schema"."Order's" (
    id int PRIMARY KEY, "Customer Id" int, status text, region text, total numeric(10,2),
    made timestamp, "select" boolean, day date);
INSERT INTO "odd "" schema"."Order's"
SELECT i, nullif(i % 50, 7), (ARRAY['new', 'paid', 'sent', NULL])[i % 4 + 1], 'r' || i % 7,
       nullif(i % 100, 3), timestamp '2026-01-01' + i * interval '1 hour', i % 3 = 0,
       date '2026-01-01' + i % 30
FROM generate_series(1, 4000) AS i;
CREATE TABLE customers (id int PRIMARY KEY, name text, d int);
INSERT INTO customers SELECT i, 'c' || i % 20, i % 3 FROM generate_series(0, 49) AS i;
CREATE VIEW paid AS SELECT * FROM "odd "" schema"."Order's" WHERE status = 'paid';
"""
ORDERS = '"odd "" schema"."Order\'s"'
SAME = [
    (f"SELECT status, count(*), sum(total) FROM {ORDERS} GROUP BY status", []),
    (f"SELECT status, count(*) FROM {ORDERS} WHERE region = $1 GROUP BY 1 ORDER BY 2 DESC, 1",
     ["r3"]),
    (f"SELECT status FROM {ORDERS} WHERE $1 = region GROUP BY status", ["r3"]),
    (f"SELECT count(*), sum(total) AS s, avg(total) FROM {ORDERS} WHERE region = $1", ["r1"]),
    (f"SELECT count(*), max(made) FROM {ORDERS} WHERE region = $1 AND status = $2", ["no", "x"]),
    (f'SELECT count(*) FILTER (WHERE "select") AS n FROM {ORDERS} WHERE "Customer Id" = $1', [9]),
    (f'SELECT "Customer Id" AS "Kunde ""1""", count(*) FROM {ORDERS} GROUP BY "Customer Id"', []),
    (f"SELECT count(DISTINCT status) FROM {ORDERS}", []),
    (f"SELECT DISTINCT status, region FROM {ORDERS} WHERE \"Customer Id\" = $1", [4]),
    (f"SELECT day, sum(total) FROM {ORDERS} WHERE day >= $1 AND day < $2 GROUP BY day "
     "ORDER BY day", ["2026-01-05", "2026-01-09"]),
    (f"SELECT day, region, count(*) FROM {ORDERS} WHERE day BETWEEN $1 AND $2 AND region = $3 "
     "GROUP BY day, region ORDER BY 1", ["2026-01-05", "2026-01-09", "r2"]),
    (f"SELECT region, sum(total) AS s FROM {ORDERS} GROUP BY region ORDER BY s DESC, region "
     "LIMIT $1 OFFSET $2", [3, 1]),
    ("SELECT c.name, count(*) AS n FROM paid o JOIN customers c ON c.id = o.\"Customer Id\" "
     "WHERE c.name = $1 GROUP BY c.name", ["c3"]),
    ("SELECT c.id, c.name, count(o.id) FROM customers c LEFT JOIN paid o "
     "ON o.\"Customer Id\" = c.id GROUP BY c.id ORDER BY c.id", []),
    ("WITH big AS (SELECT * FROM paid WHERE total > 50) SELECT region, count(*) FROM big "
     "GROUP BY region", []),
    (f"SELECT date_trunc('month', made) AS d, count(*) FROM {ORDERS} GROUP BY 1 ORDER BY d", []),
    ("SELECT d % 2 AS d, count(*) FROM customers GROUP BY d", []),  # d is a column as well
    (f"SELECT status, count(*) FROM {ORDERS} GROUP BY status HAVING count(*) > 10 "
     "ORDER BY status DESC NULLS LAST", []),
    (f"SELECT region, (total > 50) AS large, count(*) FROM {ORDERS} WHERE region IN ('r1', 'r2') "
     "GROUP BY region, total > 50", []),
]  # fmt: skip


@pytest.fixture(scope="module", params=[13, 18], ids=lambda version: f"pg{version}")
def shop(request: pytest.FixtureRequest, pg: Callable[[int], Postgres]) -> Iterator[Any]:
    server = pg(request.param)
    with fresh_database(server) as name, psycopg.connect(server.dsn(name)) as connection:
        connection.autocommit = True
        connection.execute(SCHEMA.encode())
        yield connection


def answer(connection: Any, text: str, values: list[Any]) -> list[tuple[Any, ...]]:
    """The rows of a statement with $1 ...; with an order of our own if it has none."""
    cursor = psycopg.RawCursor(connection)
    rows = cursor.execute(text.encode(), values or None).fetchall()
    return rows if "ORDER BY" in text else sorted(rows, key=repr)


@pytest.mark.parametrize(("text", "values"), SAME, ids=range(len(SAME)))
def test_the_view_gives_the_statements_answer(shop: Any, text: str, values: Any) -> None:
    columns = {"id", "Customer Id", "status", "region", "total", "made", "select", "day", "name"}
    view = rewrite(text, {"paid": "public", "customers": "public"}, columns | {"d"})
    name = psycopg.sql.Identifier('odd " schema', view.name)
    key = psycopg.sql.SQL(", ").join(map(psycopg.sql.Identifier, view.key))
    make = psycopg.sql.SQL(
        "CREATE MATERIALIZED VIEW {} AS {}; CREATE UNIQUE INDEX ON {} ({})"
    ).format(name, psycopg.sql.SQL(view.query), name, key)
    shop.execute(make)
    try:
        shop.execute(psycopg.sql.SQL("REFRESH MATERIALIZED VIEW CONCURRENTLY {}").format(name))
        wanted = answer(shop, text, values)
        assert answer(shop, view.reading(name.as_string(shop)), values) == wanted
        assert wanted  # a row, even if nothing matches, where there is no GROUP BY
    finally:
        shop.execute(psycopg.sql.SQL("DROP MATERIALIZED VIEW {}").format(name))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("SELECT a, count(*) FROM t WHERE b > $1 GROUP BY a", "compared in another way"),
        ("SELECT a, count(*) FROM t WHERE b = $1 OR c = $2 GROUP BY a", "compared in another way"),
        ("SELECT a, count(*) FROM t WHERE b = $1 + 1 GROUP BY a", "compared in another way"),
        ("SELECT a, count(*) FROM t WHERE b = $1 AND c = $1 GROUP BY a", "compared in another"),
        ("SELECT sum(x) + 1 FROM t WHERE b = $1", "where nothing matches is not known"),
        ("SELECT count(*) FROM t WHERE b = $1 HAVING count(*) > 3", "HAVING without GROUP BY"),
        ("SELECT a, count(*) FROM t GROUP BY a HAVING count(*) > $1", "stands in HAVING"),
        ("SELECT a, sum(x * $1) FROM t GROUP BY a", "a constant in what it computes"),
        ("SELECT date_trunc($1, a), count(*) FROM t GROUP BY 1", "a constant in what it computes"),
        ("SELECT a, rank() OVER (ORDER BY a), count(*) FROM t WHERE b = $1 GROUP BY a", "window"),
        ("SELECT a, count(*) FROM t GROUP BY ROLLUP (a)", "ROLLUP"),
        ("SELECT a, count(*) FROM t GROUP BY GROUPING SETS ((a), ())", "GROUPING SETS"),
        ("SELECT DISTINCT ON (a) a, b FROM t", "DISTINCT ON"),
        ("SELECT extract($1 from at) AS y, count(*) FROM t GROUP BY 1", "field extract"),
        ("SELECT count(*) FROM t WHERE at > now()", "now depends on when"),
        ("SELECT count(*) FROM t WHERE owner = current_user", "current_user depends"),
        ("SELECT count(*) FROM t WHERE owner = user", "user depends"),
        ("SELECT count(*) FROM t WHERE owner = current_schema", "current_schema depends"),
        ("SELECT count(*) FROM t WHERE at >= date 'Yesterday'", "'yesterday' depends"),
        (
            "SELECT a, count(*) FROM t WHERE at >= 'today 10:00'::timestamp GROUP BY a",
            "'today' dep",
        ),
        ("SELECT a, avg(age(at)) FROM t GROUP BY a", r"age\(\) of one time depends"),
        ("SELECT a FROM t WHERE b = $1", "aggregates nothing"),
        ("SELECT a, count(*) FROM t GROUP BY a ORDER BY min(b)", "what it does not return"),
        ("SELECT a, count(*) FROM t GROUP BY a FETCH FIRST 3 ROWS WITH TIES", "ties"),
        ("SELECT count(*) FROM t UNION SELECT count(*) FROM u", "not a single SELECT"),
        ("SELECT count(*) FROM (SELECT * FROM t WHERE b = $1) s", "stands in a subquery"),
        ("SELECT count(*) FROM t JOIN u ON t.a = $1", "condition of a join"),
        ("SELECT count(*) FROM", "can't be parsed"),
    ],
)
def test_what_would_change_the_answer_is_refused(text: str, why: str) -> None:
    with pytest.raises(Refused, match=why):
        rewrite(text, {})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("SELECT date_trunc('day', at), count(*) FROM t GROUP BY 1", True),
        ("SELECT at::date, count(*) FROM t GROUP BY 1", True),
        ('SELECT a, max(age(at, made)) FROM t WHERE "user" = $1 GROUP BY a', False),
    ],
)
def test_days_that_hang_on_the_time_zone_are_told(text: str, told: bool) -> None:
    assert rewrite(text, {}).by_zone == told


@pytest.mark.parametrize(
    ("seconds", "fields"),
    [(60, "* * * * *"), (90, "*/2 * * * *"), (3000, "7 * * * *"), (9000, "7 */3 * * *"),
     (1e6, "7 3 * * *")],
)  # fmt: skip
def test_intervals_that_cron_can_say(seconds: float, fields: str) -> None:
    assert cron(seconds) == fields


# -------------------------------------------------------------------------------- the whole command

SLOW = "SELECT region, count(*), sum(total) FROM orders WHERE status = %s GROUP BY region"
ONCE = "SELECT count(*) FROM changing WHERE made > now()"


@pytest.fixture(scope="module")
def busy() -> Iterator[Postgres]:
    with Postgres(18).start({"shared_preload_libraries": "pg_stat_statements"}) as pg:
        pg.psql(
            """
            CREATE EXTENSION pg_stat_statements;
            CREATE TABLE orders AS SELECT i AS id, 'r' || i % 7 AS region,
                (ARRAY['new', 'paid'])[i % 2 + 1] AS status, i % 100 AS total
                FROM generate_series(1, 400000) AS i;
            CREATE TABLE changing AS SELECT * FROM orders LIMIT 0;
            ALTER TABLE changing ADD made timestamptz;
            CREATE TABLE tenant_orders AS SELECT * FROM orders;
            CREATE SCHEMA other;
            CREATE TABLE other.tenant_orders AS SELECT * FROM orders LIMIT 10;
            CREATE TABLE days AS SELECT *, timestamp '2026-01-01' + id * interval '1 min' AS made
                FROM orders;
            CREATE TABLE secret AS SELECT * FROM orders;
            ALTER TABLE secret ENABLE ROW LEVEL SECURITY;
            ANALYZE;
            SELECT pg_stat_reset();
            """
        )
        pg.psql("SELECT pg_stat_statements_reset()")
        with psycopg.connect(pg.dsn("postgres"), autocommit=True) as connection:
            for _ in range(12):
                connection.execute(SLOW.replace("%s", "'paid'").encode())
                connection.execute(b"SELECT status, avg(total) FROM secret GROUP BY status")
                connection.execute(
                    b"SELECT total % 10 AS bucket, count(*) FROM orders GROUP BY 1 ORDER BY 1"
                )
                connection.execute(ONCE.encode())
                connection.execute(b"SELECT region, count(*) FROM tenant_orders GROUP BY 1")
                connection.execute(
                    b"SELECT extract(month FROM made) AS m, count(*), sum(total) FROM days "
                    b"GROUP BY 1"
                )
        yield pg


def told(pg: Postgres, *more: str) -> Any:
    url = pg.dsn("postgres")
    return dbtune("cache", "-f", "json", *more, env={"DATABASE_URL": url}).ok().json


def test_an_aggregate_that_is_asked_again_and_again(busy: Postgres) -> None:
    report: Any = told(busy)
    jsonschema.validate(report, dbtune("schema", "cache").ok().json)
    views = report["to_materialise"]

    def of(text: str) -> Any:
        return next(one for one in views if text in one["statement"])

    found = of("FROM orders WHERE")
    assert found["reason"] is None
    assert found["calls"] == 12
    assert found["tables"] == ["public.orders"]
    assert found["saved_ms_per_second"] > 0
    busy.psql(found["create_sql"].replace("\n", " "))
    busy.psql(found["refresh_sql"])
    with psycopg.connect(busy.dsn("postgres")) as connection:
        wanted = answer(connection, SLOW.replace("%s", "$1"), ["new"])
        assert answer(connection, found["read_sql"], ["new"]) == wanted
        assert len(wanted) == 7
        connection.execute(f"DROP MATERIALIZED VIEW {found['view']}".encode())
    assert "rows of its own" in of("FROM secret")["reason"]
    assert "several schemas have a tenant_orders" in of("FROM tenant_orders")["reason"]
    assert of("FROM days")["reason"]  # which field is not told
    rules = {one["rule"] for one in report["findings"]}
    assert rules == {"pg.aggregate-recomputed", "pg.answer-not-cached"}
    assert not any("secret" in one["subject"] for one in report["findings"])


def test_constants_that_the_server_does_not_keep(busy: Postgres, tmp_path: Any) -> None:
    file = tmp_path / "app.sql"
    text = "SELECT total % 10 AS bucket, count(*) FROM orders GROUP BY 1 ORDER BY 1"
    file.write_text(f"-- a report\n{text};\n")
    for more, refused in ((), True), (("--file", str(file)), False):
        report = told(busy, *more)
        found = [one for one in report["to_materialise"] if "bucket" in one["statement"]]
        assert bool(found[0]["reason"]) is refused
    with psycopg.connect(busy.dsn("postgres")) as connection:
        connection.execute(found[0]["create_sql"].encode())
        wanted = answer(connection, text, [])
        assert answer(connection, found[0]["read_sql"], []) == wanted
        connection.rollback()


def test_the_script_runs_and_nothing_else_was_done(busy: Postgres) -> None:
    script = dbtune(
        "cache", "-f", "sql", env={"DATABASE_URL": busy.dsn("postgres")}
    ).ok().out  # fmt: skip
    assert busy.psql("SELECT count(*) AS n FROM pg_matviews")[0][0] == 0
    lines = [line for line in script.splitlines() if not line.startswith(("--", "\\"))]
    with psycopg.connect(busy.dsn("postgres")) as connection:
        connection.execute("\n".join(lines).encode())
        made = connection.execute("SELECT count(*) FROM pg_matviews").fetchone()
        assert made is not None
        assert made[0] >= 1
        connection.rollback()


def test_of_a_snapshot(busy: Postgres, tmp_path: Path) -> None:
    path, env = str(tmp_path / "shop.json.gz"), {"DATABASE_URL": busy.dsn("postgres")}
    dbtune("snapshot", "-o", path, env=env).ok()
    live: Any = told(busy)
    report: Any = dbtune("cache", "--from", path, "-f", "json").ok().json
    jsonschema.validate(report, dbtune("schema", "cache").ok().json)
    assert report["target"]["database"] == "postgres"

    def known(found: Any, table: str) -> dict[str, Any]:
        kept = ("calls", "tables", "reason", "create_sql", "read_sql", "variants")
        return {one["statement"]: {name: one.get(name) for name in kept} for one in found[table]}

    for table in ("to_materialise", "to_cache"):
        masked = {text for text in known(report, table) if "?" in text}
        assert all("keeps no constants" in known(report, table)[one]["reason"] for one in masked)
        whole = known(report, table).keys() - masked
        assert whole
        assert {one: known(report, table)[one] for one in whole} == {
            one: known(live, table)[one] for one in whole
        }
    rules = {one["rule"] for one in report["findings"]}
    assert rules == {"pg.aggregate-recomputed", "pg.answer-not-cached"}
    script = dbtune("cache", "--from", path, "-f", "sql").ok().out
    assert "CREATE MATERIALIZED VIEW" in script
    # Constants are given as beside a server.
    file = tmp_path / "app.sql"
    file.write_text("SELECT total % 10 AS bucket, count(*) FROM orders GROUP BY 1 ORDER BY 1;")
    report = dbtune("cache", "--from", path, "--file", str(file), "-f", "json").ok().json
    (found,) = (one for one in report["to_materialise"] if "bucket" in one["statement"])
    assert found["reason"] is None


def test_what_a_snapshot_lacks(database18: tuple[Postgres, str], tmp_path: Path) -> None:
    pg, name = database18
    path = str(tmp_path / "empty.json.gz")
    dbtune("snapshot", "-o", path, env={"DATABASE_URL": pg.dsn(name)}).ok()
    wrong = dbtune("cache", "--from", path)
    assert (wrong.code, "does not suffice for what is worth caching" in wrong.err) == (2, True)
    for more in (("--interval", "1min"), ("--exact",)):
        wrong = dbtune("cache", "--from", path, *more)
        assert (wrong.code, "needs a server" in wrong.err or "need a server" in wrong.err) == (
            2, True)  # fmt: skip


def test_without_the_extension_it_says_what_is_missing(database18: tuple[Postgres, str]) -> None:
    pg, name = database18
    report = dbtune("cache", "-f", "json", env={"DATABASE_URL": pg.dsn(name)}).ok().json
    assert report["skipped"][0]["what"] == "pg_stat_statements"
    assert report["to_cache"] == report["to_materialise"] == []


def test_who_may_not_read_tables_is_told_what_would_let_them_be_planned(busy: Postgres) -> None:
    busy.psql("CREATE ROLE cache_monitor LOGIN PASSWORD 'x' IN ROLE pg_monitor")
    url = busy.dsn("postgres", user="cache_monitor", password="x")
    report = dbtune("cache", "-f", "json", env={"DATABASE_URL": url}).ok().json
    (skipped,) = report["skipped"]
    assert skipped["what"] == "plans of statements"
    assert skipped["remedy"].startswith('GRANT pg_read_all_data TO "cache_monitor";')
    assert report["to_cache"] == report["findings"] == []
    assert all(one["reason"] for one in report["to_materialise"])


def test_mistakes(busy: Postgres, tmp_path: Any) -> None:
    env = {"DATABASE_URL": busy.dsn("postgres")}
    absent = dbtune("cache", "--file", str(tmp_path / "no.sql"), env=env)
    assert (absent.code, "can't be read" in absent.err) == (2, True)
    (tmp_path / "empty.sql").write_text("-- nothing\n")
    empty = dbtune("cache", "--file", str(tmp_path / "empty.sql"), env=env)
    assert (empty.code, "has no statement" in empty.err) == (2, True)
    exact = dbtune("cache", "--exact", env=env)
    assert (exact.code, "--exact and --deadline are for Redis" in exact.err) == (2, True)


def test_names_of_databases_do_not_end_a_shells_words() -> None:
    from dbtune.postgres.caching.facts import Read, ToMaterialise

    view = rewrite('SELECT "a$b%c", count(*) FROM t GROUP BY 1', {})
    one = ToMaterialise(Read("", 1, 1, 1, 1, 1, 1), view, "pub'lic", refresh_every_seconds=60)
    ways = schedules(one, "shop; rm -rf '/")
    assert "--dbname='shop; rm -rf '\"'\"'/'" in ways["cron"]
    assert "\n" not in ways["cron"]
    assert "pub''lic" in ways["pg_cron"]
