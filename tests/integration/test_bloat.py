"""bloat on real servers: what it says beside what a rewrite gives back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from tests.bloat_scenarios import Truth, truths
from tests.command import Result, dbtune
from tests.servers import Postgres, fresh_database

ROWS = 20_000
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
    pg.psql("VACUUM ANALYZE", database)


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


def test_what_is_small_is_counted_and_limits_hold(
    bloated: tuple[Postgres, str, list[Truth]],
) -> None:
    pg, name, _ = bloated
    nothing = dbtune("bloat", pg.dsn(name), "--min-size", "1GB").ok()
    assert "nothing is as large as 1.00 GiB" in nothing.out
    few = dbtune("bloat", pg.dsn(name), "--min-size", "100kB", "-n", "2").ok()
    assert "relations more (--limit)" in few.out
    none = dbtune("bloat", pg.dsn(name), "--schema", "none").ok()
    assert "there are no relations here" in none.out


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
