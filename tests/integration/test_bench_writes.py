"""bench writes and bench index on real servers, for moments; what they leave behind is nothing."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys

import jsonschema
import pytest

from dbtune.postgres.bench.scratch import PREFIX
from tests.command import dbtune
from tests.health import eventually
from tests.servers import Postgres

QUICK = ("--yes", "--allow-busy", "--rounds", "2")


def leftovers(server: Postgres, name: str) -> list[str]:
    """Schemas and indexes of a measurement that are still there."""
    rows = server.psql(
        f"SELECT nspname FROM pg_namespace WHERE nspname LIKE '{PREFIX}%' "
        f"UNION ALL SELECT relname FROM pg_class WHERE relname LIKE '{PREFIX}%'",
        name,
    )
    return [row[0] for row in rows]


# ------------------------------------------------------------------------------------------ writes


def test_ways_of_writing(database18: tuple[Postgres, str]) -> None:
    pg, name = database18
    arguments = ("bench", "writes", pg.dsn(name), *QUICK, "--duration", "10ms", "--batches", "5,50")
    said = dbtune(*arguments, "-f", "json").ok().json
    jsonschema.validate(said, dbtune("schema", "bench writes").ok().json)
    ways = {
        (row["method"], row["batch_rows"], row["synchronous_commit"]): row for row in said["ways"]
    }
    methods = {method for method, _, _ in ways}
    assert {"INSERT, autocommit", "executemany", "COPY", "INSERT of many VALUES"} <= methods
    assert {batch for _, batch, _ in ways} == {1, 5, 50}
    assert {commit for _, _, commit in ways} == {"on", "off"}
    assert all(row["rows_per_second"] > 0 for row in ways.values())
    assert max(row["share_ratio"] for row in ways.values()) == 1
    assert ways["INSERT, autocommit", 1, "on"]["factor"] == pytest.approx(1)
    assert said["result"]["round_trip_ms"] > 0
    assert leftovers(pg, name) == []


def test_all_rows_arrive(database18: tuple[Postgres, str]) -> None:
    """Each method writes what it says: or its rate is of nothing."""
    import psycopg

    from dbtune.postgres.bench.writes import METHODS, TABLE, one_by_one

    pg, name = database18
    pg.psql(TABLE, name)
    rows = [(number, f"{number}.25", "é'\\\n\t") for number in range(7)]
    with psycopg.connect(pg.dsn(name), autocommit=True) as client:
        for method in (one_by_one, *METHODS.values()):
            method(client, rows)
            found = client.execute("SELECT account, amount::text, note FROM written ORDER BY id")
            assert found.fetchall() == rows, method
            client.execute("TRUNCATE written")


def test_writing_needs_a_word_and_a_primary(database18: tuple[Postgres, str]) -> None:
    pg, name = database18
    refused = dbtune("bench", "writes", pg.dsn(name))
    assert refused.code == 2
    assert "--yes" in refused.err
    pg.psql(f"CREATE ROLE writes_{name} LOGIN PASSWORD 'x'")
    try:
        denied = dbtune("bench", "writes", pg.dsn(name, f"writes_{name}", "x"), *QUICK)
    finally:
        pg.psql(f"DROP ROLE writes_{name}")
    assert denied.code == 2
    assert "CREATE on the database" in denied.err
    bad = dbtune("bench", "writes", pg.dsn(name), *QUICK, "--batches", "0,5")
    assert bad.code == 2
    assert "--batches 4,8,16" in bad.err


# ------------------------------------------------------------------------------------------- index

ORDERS = """
CREATE TABLE "Odd orders" (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer int NOT NULL,
    "total" numeric DEFAULT 0,
    twice numeric GENERATED ALWAYS AS (total * 2) STORED,
    note text
);
INSERT INTO "Odd orders" (customer, total, note)
    SELECT i % 5000, i, 'Note ' || i FROM generate_series(1, 60000) i;
ANALYZE "Odd orders";
"""
INDEX = 'CREATE INDEX ON "Odd orders" (customer) INCLUDE (total)'
SELECT = 'SELECT sum(total) FROM "Odd orders" WHERE customer = 7'


@pytest.fixture
def orders(database18: tuple[Postgres, str]) -> tuple[Postgres, str]:
    pg, name = database18
    pg.psql(ORDERS, name)
    return database18


def bench_index(pg: Postgres, name: str, *arguments: str) -> tuple[str, ...]:
    return ("bench", "index", pg.dsn(name), *QUICK, "--allow-write", *arguments)


def test_an_index_that_helps(any_database: tuple[Postgres, str]) -> None:
    pg, name = any_database
    pg.psql(ORDERS, name)
    arguments = bench_index(pg, name, "--index", INDEX, "--sql", SELECT, "-f", "json")
    said = dbtune(*arguments).ok().json
    jsonschema.validate(said, dbtune("schema", "bench index").ok().json)
    (row,) = said["statements"]
    assert row["uses"]
    assert row["blocks_with"] < row["blocks_without"]
    assert row["factor"] == pytest.approx(row["without_ms"] / row["with_ms"])
    result = said["result"]
    assert result["size_bytes"] > 0
    assert result["without_inserts_per_second"] > 0
    assert result["insert_cost_ratio"] < 1
    assert result["outcome"] == "dropped again"
    assert leftovers(pg, name) == []


def test_an_index_on_an_expression_and_one_that_is_not_used(orders: tuple[Postgres, str]) -> None:
    pg, name = orders
    ddl = """create unique index if not exists "my idx" on "Odd orders" using btree
        (lower(note)) where note <> ''"""
    script = """SELECT * FROM "Odd orders" WHERE lower(note) = 'note 5' AND note <> '';
        SELECT count(*) FROM "Odd orders";"""
    arguments = bench_index(pg, name, "--index", ddl, "--sql", script, "-f", "json")
    said = dbtune(*arguments).ok().json
    assert [row["uses"] for row in said["statements"]] == [True, False]
    assert any("not all statements use the index" in note for note in said["notes"])
    assert leftovers(pg, name) == []


def test_an_index_can_be_kept(orders: tuple[Postgres, str]) -> None:
    pg, name = orders
    arguments = bench_index(pg, name, "--index", INDEX, "--sql", SELECT, "--keep", "-f", "json")
    said = dbtune(*arguments).ok().json
    (kept,) = leftovers(pg, name)
    assert said["result"]["outcome"] == f"kept as {kept}"
    again = (
        dbtune(*bench_index(pg, name, "--index", INDEX, "--sql", SELECT, "-f", "json")).ok().json
    )
    assert any(f'DROP INDEX "public"."{kept}";' in note for note in again["notes"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--index", "DROP TABLE x", "--sql", SELECT), "not one CREATE INDEX"),
        (("--index", f"{INDEX}; DROP TABLE x", "--sql", SELECT), "not one CREATE INDEX"),
        (("--index", "CREATE INDEX ON nowhere (a)", "--sql", SELECT), "no table nowhere"),
        (("--index", INDEX), "--sql STATEMENT or --file FILE"),
        (("--index", INDEX, "--sql", "--"), "has no statement"),
        (("--index", INDEX, "--sql", 'DELETE FROM "Odd orders"'), "it writes"),
        (("--index", INDEX, "--sql", "SELECT nope"), "can't measure 'SELECT nope'"),
    ],
)
def test_mistakes(orders: tuple[Postgres, str], arguments: tuple[str, ...], words: str) -> None:
    pg, name = orders
    result = dbtune(*bench_index(pg, name, *arguments))
    assert result.code == 2, result
    assert words in result.err
    assert "--analyze" not in result.err
    assert leftovers(pg, name) == []
    assert pg.psql('SELECT count(*) FROM "Odd orders"', name) == [(60000,)]


def test_an_index_that_cannot_be_built_leaves_nothing(orders: tuple[Postgres, str]) -> None:
    pg, name = orders
    unique = 'CREATE UNIQUE INDEX ON "Odd orders" (customer)'
    result = dbtune(*bench_index(pg, name, "--index", unique, "--sql", SELECT))
    assert result.code == 3
    assert "could not be built" in result.err
    assert leftovers(pg, name) == []  # not even the invalid one of a build that failed


def test_without_a_word_nothing_is_built(orders: tuple[Postgres, str]) -> None:
    pg, name = orders
    result = dbtune("bench", "index", pg.dsn(name), "--yes", "--index", INDEX, "--sql", SELECT)
    assert result.code == 2
    assert "--allow-write" in result.err


def begin_bench_index(pg: Postgres, name: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "dbtune", *bench_index(pg, name)),
            *("--index", INDEX, "--sql", SELECT),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "DBTUNE_CONFIG": "/nonexistent"},
    )


@pytest.mark.parametrize("again", [False, True])
def test_interrupted_while_it_is_built(orders: tuple[Postgres, str], again: bool) -> None:
    pg, name = orders
    process = begin_bench_index(pg, name)
    runs = (
        "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '{}%CONCURR%'"
    )
    building, dropping = runs.format("CREATE"), runs.format("DROP")
    try:
        # CREATE INDEX CONCURRENTLY waits for this transaction, which is older; so does the drop.
        with pg.connect(name) as other, other.transaction():
            other.execute('INSERT INTO "Odd orders" (customer) VALUES (1)')
            assert eventually(lambda: pg.psql(building, name)[0][0], there=True)
            process.send_signal(signal.SIGINT)
            assert not eventually(lambda: pg.psql(building, name)[0][0], there=False)
            if again:
                assert eventually(lambda: pg.psql(dropping, name)[0][0], there=True)
                process.send_signal(signal.SIGINT)
                process.wait(120)
        _, err = process.communicate(timeout=120)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 130, err
    if again:
        told = re.search(r"could not remove what was made: interrupted; do it with: (.*);\n", err)
        assert told
        pg.psql(told[1], name)
    assert leftovers(pg, name) == []
