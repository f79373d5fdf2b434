"""bloat on real servers: what it says beside what a rewrite gives back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import jsonschema
import pytest

from tests.bloat_scenarios import Truth, maintain, truths
from tests.command import Result, dbtune
from tests.servers import PgBouncer, Postgres, fresh_database

ROWS = 20_000
READ = ("sample", "exact")  # a small table is read whole
TABLES = {
    "fresh": ("(id bigint, n int, t text)", "i, i, md5(i::text)", ""),
    "half_deleted": ("(id bigint, n int, t text)", "i, i, md5(i::text)",
                     "DELETE FROM half_deleted WHERE id % 2 = 0"),
    "loose": ("(id bigint, t text) WITH (fillfactor = 70)", "i, md5(i::text)", ""),
    "aligned": ("(a boolean, b bigint, c boolean, d bigint)", "true, i, false, i", ""),
    "updated": ("(id bigint, n int)", "i, i", "UPDATE updated SET n = n + 1"),
    "dropped": ("(id bigint, t text)", "i, repeat('x', 100)", "ALTER TABLE dropped DROP COLUMN t"),
    "nullable": ("(id bigint, a text, b text)",
                 "i, nullif(i % 5, 0)::text, CASE WHEN i % 9 = 0 THEN md5(i::text) END",
                 "DELETE FROM nullable WHERE id > 15000"),
    "queue": ("(id bigint)", "i", "DELETE FROM queue WHERE id <= 19000"),
}  # fmt: skip
INDEXES = [
    "half_deleted (id)",
    "half_deleted ((n % 100))",
    "half_deleted (n, t)",
    "fresh (t DESC) INCLUDE (n)",
    "fresh (n) WHERE n % 10 = 0",
    "queue (id)",
    "updated (id)",
]


def fill(pg: Postgres, database: str) -> None:
    """The tables above, vacuumed and analysed by a session of its own, as autovacuum does."""
    with pg.connect(database) as connection:
        for name, (columns, values, change) in TABLES.items():
            connection.execute(f"CREATE TABLE {name} {columns}".encode())
            connection.execute(
                f"INSERT INTO {name} SELECT {values} FROM generate_series(1, {ROWS}) i".encode()
            )
            for index in INDEXES:
                if index.startswith(name + " "):
                    connection.execute(f"CREATE INDEX ON {index}".encode())
            if change:
                connection.execute(change.encode())
    maintain(pg, database, "VACUUM ANALYZE")


@pytest.fixture(scope="module")
def filled() -> Iterator[dict[int, tuple[str, list[Truth]]]]:
    """Databases with these tables, by version, and what rewrites of them give back."""
    made: dict[int, tuple[str, list[Truth]]] = {}
    stack: list[Any] = []
    yield _Filled(made, stack)
    for one in stack:
        one.__exit__(None, None, None)


class _Filled(dict[int, tuple[str, list[Truth]]]):
    def __init__(self, made: dict[int, tuple[str, list[Truth]]], stack: list[Any]) -> None:
        super().__init__(made)
        self._stack = stack

    def of(self, pg: Postgres) -> tuple[str, list[Truth]]:
        if pg.version not in self:
            context = fresh_database(pg)
            name = context.__enter__()
            self._stack.append(context)
            fill(pg, name)
            self[pg.version] = name, truths(pg, name)
        return self[pg.version]


@pytest.fixture
def bloated(any_pg: Postgres, filled: _Filled) -> tuple[Postgres, str, list[Truth]]:
    name, known = filled.of(any_pg)
    return any_pg, name, known


def ask(pg: Postgres, database: str, *options: str) -> Result:
    return dbtune(
        "bloat", pg.dsn(database), "--min-size", "100kB", "--schema", "public", "-n", "100",
        "-f", "json", *options,
    )  # fmt: skip


def rows_of(result: Result) -> dict[str, dict[str, Any]]:
    return {row["relation"].removeprefix("public."): row for row in result.json["relations"]}


def check(result: Result, known: list[Truth], tolerance: float) -> None:
    """Each share is near the truth, and the truth is within the stated bounds."""
    found = rows_of(result)
    large = [one for one in known if one.size_bytes >= 100 * 1024]
    assert len(large) >= len(TABLES) + len(INDEXES) - 1
    for truth in large:
        row = found[truth.name]
        within = tolerance + 8192 / truth.size_bytes
        assert row["bloat_ratio"] == pytest.approx(truth.bloat_ratio, abs=within), truth
        gained = truth.size_bytes - truth.rewritten_bytes
        assert row["bloat_low_bytes"] <= gained <= row["bloat_high_bytes"], truth


def test_statistics_alone_tell_what_a_rewrite_gives_back(
    bloated: tuple[Postgres, str, list[Truth]],
) -> None:
    pg, name, known = bloated
    result = ask(pg, name, "--statistics-only").ok()
    check(result, known, 0.03)
    assert {row["method"] for row in result.json["relations"]} == {"statistics"}
    jsonschema.validate(result.json, dbtune("schema", "bloat").ok().json)


def test_a_sample_of_pages_tells_it_more_exactly(
    bloated: tuple[Postgres, str, list[Truth]],
) -> None:
    pg, name, known = bloated
    result = ask(pg, name).ok()
    check(result, known, 0.01)
    methods = {row["kind"]: row["method"] for row in result.json["relations"]}
    assert methods["table"] in READ
    assert all(row["pages_read"] <= 300 for row in result.json["relations"])


def test_what_is_small_is_counted_and_limits_hold(
    bloated: tuple[Postgres, str, list[Truth]],
) -> None:
    pg, name, _ = bloated
    nothing = dbtune("bloat", pg.dsn(name), "--min-size", "1GB").ok()
    assert "nothing is as large as 1.00 GiB" in nothing.out
    few = dbtune("bloat", pg.dsn(name), "--min-size", "100kB", "-n", "2").ok()
    assert "relations more (--limit)" in few.out
    none = dbtune("bloat", pg.dsn(name), "--schema", "none", "--schema", "public")
    assert none.code == 2
    assert "has no schema none" in none.err


ODD_TABLE = '"Odd; DROP"."t""\'; %s {--}"'
ODD = """
CREATE SCHEMA "Odd; DROP";
CREATE TABLE {table} (
    {column} boolean, ctid2 bigint, dbtune_row text, k text, number int NOT NULL, {many},
    gone text, far text
);
INSERT INTO {table}
SELECT i % 2 = 0, CASE WHEN i % 3 = 0 THEN i END, repeat('x', i % 200), md5(i::text), i, {values},
       repeat('y', 300), CASE WHEN i % 4 = 0
            THEN (SELECT string_agg(md5(i::text || g), '') FROM generate_series(1, 90) g) END
FROM generate_series(1, 3000) i;
ALTER TABLE {table} DROP COLUMN gone;
ALTER TABLE {table} ADD COLUMN since timestamptz DEFAULT '2024-01-01';
{virtual}
DELETE FROM {table} WHERE number % 5 = 0;
"""


def test_odd_tables_need_no_statistics(any_database: tuple[Postgres, str]) -> None:
    """Names, a hundred columns, dropped, added and virtual ones, values moved out, no ANALYZE."""
    pg, name = any_database
    kinds = ["smallint", "text", "boolean", "double precision", "date"]
    many = ", ".join(f"c{n} {kinds[n % 5]}" for n in range(90))
    given = ["(i % 7)::smallint", "nullif(i % 4, 1)::text", "NULL", "i", "'2024-01-01'"]
    virtual = (
        f"ALTER TABLE {ODD_TABLE} ADD v int GENERATED ALWAYS AS (number / 0) VIRTUAL;"
        if pg.version >= 18
        else ""
    )
    pg.psql(
        ODD.format(
            table=ODD_TABLE,
            column='"a ""q%s"" {}"',
            many=many,
            values=", ".join(given[n % 5] for n in range(90)),
            virtual=virtual,
        ),
        name,
    )
    result = dbtune("bloat", pg.dsn(name), "--min-size", "50kB", "-n", "1000", "-f", "json").ok()
    found = {(row["relation"], row["kind"]): row for row in result.json["relations"]}
    for truth in truths(pg, name):
        kind = "table" if truth.kind == "heap" else truth.kind
        row = found[f"{truth.schema}.{truth.name}", kind]
        assert row["method"] in READ
        assert row["rewritten_bytes"] == pytest.approx(truth.rewritten_bytes, rel=0.01, abs=8192)


def test_a_policy_that_hides_rows_is_no_bloat(database18: tuple[Postgres, str]) -> None:
    pg, name = database18
    pg.psql(
        "DROP ROLE IF EXISTS tenant; CREATE ROLE tenant LOGIN PASSWORD 'p';"
        "CREATE TABLE t AS SELECT i, md5(i::text) FROM generate_series(1, 20000) i;"
        "GRANT SELECT ON t TO tenant; ALTER TABLE t ENABLE ROW LEVEL SECURITY;"
        "CREATE POLICY p ON t TO tenant USING (i < 100)",
        name,
    )
    ask = ("bloat", pg.dsn(name, "tenant", "p"), "--min-size", "100kB", "--schema", "public")
    (row,) = dbtune(*ask, "-f", "json").ok().json["relations"]
    assert (row["method"], row["bloat_bytes"]) == ("unknown", None)


def test_a_locked_table_is_not_waited_for(database18: tuple[Postgres, str]) -> None:
    pg, name = database18
    pg.psql("CREATE TABLE t AS SELECT i FROM generate_series(1, 50000) i", name)
    pg.psql("CREATE TABLE other AS TABLE t", name)
    maintain(pg, name, "VACUUM ANALYZE")
    ask = ("bloat", pg.dsn(name), "--min-size", "100kB", "--schema", "public", "-f", "json")
    with pg.connect(name) as holder:
        holder.autocommit = False
        holder.execute("LOCK t IN ACCESS EXCLUSIVE MODE")
        found = {row["relation"]: row for row in dbtune(*ask).ok().json["relations"]}
    assert found["public.t"]["method"] == "statistics"
    assert found["public.other"]["method"] in READ


def test_a_standby_and_a_pooler_answer_as_well(
    new_pg: Callable[[int], Postgres], pgbouncer: Callable[[], PgBouncer]
) -> None:
    primary = new_pg(18).start()
    primary.psql(
        "CREATE TABLE t AS SELECT i, md5(i::text) FROM generate_series(1, 30000) i;"
        "CREATE INDEX ON t (i); DELETE FROM t WHERE i % 2 = 0"
    )
    primary.psql("VACUUM ANALYZE t")
    ask = ("--min-size", "100kB", "--schema", "public", "-f", "json")
    with primary.standby() as standby:
        primary.wait_for_standby(standby)
        result = dbtune("bloat", standby.dsn(), *ask).ok()
        for row in result.json["relations"]:
            assert row["bloat_ratio"] == pytest.approx(0.5, abs=0.02)
        assert any("standby" in note for note in result.json["notes"])
    pooler = pgbouncer().start_for(primary)
    pooled = dbtune("bloat", pooler.dsn(), *ask).ok()
    assert [row["method"] for row in pooled.json["relations"]] == ["exact", "statistics"]


def test_a_role_that_sees_no_statistics_gets_no_number(
    bloated: tuple[Postgres, str, list[Truth]],
) -> None:
    pg, name, _ = bloated
    pg.psql(
        "DROP ROLE IF EXISTS watcher; CREATE ROLE watcher LOGIN PASSWORD 'p' IN ROLE pg_monitor"
    )
    result = dbtune(
        "bloat", pg.dsn(name, "watcher", "p"), "--min-size", "100kB", "--schema", "public",
        "-n", "100", "-f", "json", "--statistics-only",
    ).ok()  # fmt: skip
    found = rows_of(result)
    for table in ("fresh", "half_deleted", "nullable"):
        assert found[table]["method"] == "unknown"
        assert found[table]["bloat_bytes"] is None
        assert "may not see" in found[table]["note"]
    assert result.json["summary"]["unknown_bytes"] > 0
