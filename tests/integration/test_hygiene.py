"""Existing indexes on real servers: what is wrong with each is made, found, mended, and gone."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from tests.command import Result, dbtune
from tests.servers import Postgres

SCHEMA = """
CREATE TABLE customers (id int PRIMARY KEY, email text NOT NULL, gone timestamptz);
CREATE TABLE orders (
    id int PRIMARY KEY, customer_id int REFERENCES customers ON DELETE CASCADE,
    status text NOT NULL, placed timestamptz NOT NULL, note text, total int);
INSERT INTO customers SELECT i, 'c' || i FROM generate_series(1, 30000) i;
INSERT INTO orders SELECT i, i % 30000 + 1, CASE WHEN i % 50 = 0 THEN 'open' ELSE 'done' END,
    now() - i * interval '1 minute', CASE WHEN i % 3 = 0 THEN 'note ' || i END, i % 1000
    FROM generate_series(1, 60000) i;
CREATE INDEX orders_placed ON orders (placed);
CREATE INDEX orders_placed_again ON orders (placed DESC);
CREATE INDEX orders_total ON orders (total);
CREATE INDEX orders_total_status ON orders (total, status);
CREATE INDEX orders_note ON orders (note);
CREATE INDEX orders_status ON orders (status);
CREATE INDEX customers_gone ON customers (gone);
CREATE INDEX customers_email ON customers (email);
DELETE FROM customers WHERE id > 29990;
"""
EXPECTED = {
    ("pg.duplicate-index", "public.orders_placed_again"),
    ("pg.redundant-index", "public.orders_total"),
    ("pg.unused-index", "public.orders_note"),
    ("pg.low-selectivity-index", "public.orders_status"),
    ("pg.constant-index", "public.customers_gone"),
    ("pg.unindexed-foreign-key", "public.orders (customer_id)"),
    ("pg.invalid-index", "public.orders_once"),
}


def make(pg: Postgres, name: str) -> None:
    pg.psql(SCHEMA, name)
    with pytest.raises(psycopg.errors.UniqueViolation):
        pg.psql("CREATE UNIQUE INDEX CONCURRENTLY orders_once ON orders (total)", name)
    pg.psql("VACUUM ANALYZE", name)
    use(pg, name, "orders_placed", "SELECT count(*) FROM orders WHERE placed > now()")
    use(pg, name, "orders_total_status", "SELECT status FROM orders WHERE total = 5")
    use(pg, name, "customers_email", "SELECT * FROM customers WHERE email = 'c7'")


def use(pg: Postgres, name: str, index: str, statement: str) -> None:
    """Have an index scanned, and wait until that is counted."""
    with pg.connect(name) as db:
        db.execute("SET enable_seqscan = off; SET enable_bitmapscan = off")
        for other in ("orders_placed_again", "orders_total"):
            db.execute(f"UPDATE pg_index SET indisvalid = false WHERE indexrelid = "
                       f"to_regclass('{other}')".encode())  # fmt: skip
        db.execute(statement.encode())
        for other in ("orders_placed_again", "orders_total"):
            db.execute(f"UPDATE pg_index SET indisvalid = true WHERE indexrelid = "
                       f"to_regclass('{other}')".encode())  # fmt: skip
    deadline = time.monotonic() + 120
    while not pg.psql(f"SELECT pg_stat_get_numscans('{index}'::regclass) > 0", name)[0][0]:
        assert time.monotonic() < deadline, "the scan was not counted"
        time.sleep(0.05)


def examine(url: str, *more: str) -> Result:
    return dbtune("suggest-indexes", url, "--min-observed", "0s", "-f", "json", *more).ok()


def problems(result: Result) -> set[tuple[str, str]]:
    return {(one["rule"], one["subject"]) for one in result.json["findings"]}


@pytest.mark.parametrize("version", [13, 18])
def test_each_problem_is_found_and_its_remedy_mends_it(
    version: int, pg: Callable[[int], Postgres]
) -> None:
    server = pg(version)
    name = server.create_database(f"hygiene_{version}")
    make(server, name)
    result = examine(server.dsn(name))
    assert problems(result) == EXPECTED
    rows = {row["index"]: row for row in result.json["existing_indexes"]}
    assert rows["public.orders_placed_again"]["kept"] == "public.orders_placed"
    assert rows["public.orders_note"]["scans"] == 0
    assert (
        rows["public.orders_note"]["size_bytes"]
        == (server.psql("SELECT pg_relation_size('orders_note')", name)[0][0])
    )
    foreign = next(one for one in result.json["findings"] if "foreign" in one["rule"])
    assert foreign["evidence"]["deleted_rows"] == 10
    assert foreign["level"] == "warning"
    undone = []
    for one in result.json["findings"]:
        if one["rule"] == "pg.invalid-index":
            server.psql("DROP INDEX orders_once", name)
            continue
        drop, _, undo = one["remedy"]["sql"].partition("\n-- to undo:\n")
        server.psql(re.sub(r"(?m)^--.*\n", "", drop), name)
        undone += [line.removeprefix("-- ") for line in undo.split("\n") if line]
    assert problems(examine(server.dsn(name))) == set()
    for statement in undone:
        server.psql(statement, name)
    server.psql("ANALYZE", name)
    again = problems(examine(server.dsn(name)))
    assert again == EXPECTED - {
        ("pg.unindexed-foreign-key", "public.orders (customer_id)"),
        ("pg.invalid-index", "public.orders_once"),
    }


def test_young_statistics_are_no_finding(database18: tuple[Postgres, str]) -> None:
    pg, name = database18
    make(pg, name)
    result = dbtune("suggest-indexes", pg.dsn(name), "-f", "json").ok()
    assert "pg.unused-index" not in {rule for rule, _ in problems(result)}
    skipped = {one["what"]: one for one in result.json["skipped"]}
    assert "used by the week" in skipped["pg.unused-index"]["reason"]
    assert "pg_stat_statements" in skipped["new indexes"]["reason"]
    assert dbtune("suggest-indexes", pg.dsn(name), "--strict").code == 4


def test_as_pg_monitor_what_can_be_known_is_found(database18: tuple[Postgres, str]) -> None:
    pg, name = database18
    make(pg, name)
    pg.psql(
        "DROP ROLE IF EXISTS watcher; CREATE ROLE watcher LOGIN PASSWORD 'w' IN ROLE pg_monitor"
    )
    result = examine(pg.dsn(name, "watcher", "w"))
    hidden = {
        one for one in EXPECTED if one[0] in ("pg.low-selectivity-index", "pg.constant-index")
    }
    unused = {("pg.unused-index", subject) for _, subject in hidden}
    assert problems(result) == EXPECTED - hidden | unused
    reasons = [one["reason"] for one in result.json["skipped"]]
    assert any("hidden of 2 tables" in reason for reason in reasons)


def test_scans_of_a_standby_count(new_pg: Callable[[], Postgres]) -> None:
    primary = new_pg().start()
    primary.psql(SCHEMA)
    primary.psql("VACUUM ANALYZE")
    with primary.standby() as standby:
        primary.wait_for_standby(standby)
        with standby.connect() as db:
            db.execute("SET enable_seqscan = off")
            db.execute("SELECT * FROM orders WHERE note = 'note 3'")
        alone = examine(primary.dsn())
        assert ("pg.unused-index", "public.orders_note") in problems(alone)
        assert any("name them with --replica" in note for note in alone.json["notes"])
        finding = next(
            one for one in alone.json["findings"] if one["subject"] == "public.orders_note"
        )
        assert finding["confidence"] == "estimated"
        both = examine(primary.dsn(), "--replica", standby.dsn())
        assert ("pg.unused-index", "public.orders_note") not in problems(both)
        assert ("pg.unused-index", "public.customers_email") in problems(both)
        assert any("on 2 servers" in note for note in both.json["notes"])
        wrong = dbtune(
            "suggest-indexes", primary.dsn(), "--replica", standby.dsn("template1"), "-f", "json"
        )
        assert wrong.code == 2
        assert "is the database template1, not postgres" in wrong.err
        there = examine(standby.dsn())
        assert any("this is a standby" in note for note in there.json["notes"])


def test_an_index_that_is_being_built_is_not_invalid(database18: tuple[Postgres, str]) -> None:
    pg, name = database18
    pg.psql("CREATE TABLE t AS SELECT i FROM generate_series(1, 100) i", name)
    pg.psql("DROP ROLE IF EXISTS watcher; CREATE ROLE watcher LOGIN PASSWORD 'w'")
    statement = "CREATE INDEX CONCURRENTLY building ON t (i)"
    builder = threading.Thread(target=lambda: pg.psql(statement, name))
    with pg.connect(name) as holder, holder.transaction():
        holder.execute("INSERT INTO t VALUES (1)")
        builder.start()
        waiting = "SELECT count(*) FROM pg_stat_progress_create_index WHERE phase LIKE 'wait%'"
        deadline = time.monotonic() + 120
        while not pg.psql(waiting, name)[0][0]:
            assert time.monotonic() < deadline, "the build does not wait"
            time.sleep(0.02)
        for url in (pg.dsn(name), pg.dsn(name, "watcher", "w")):
            assert problems(examine(url)) == set()
    builder.join()


def test_partitions_and_hostile_names(database18: tuple[Postgres, str]) -> None:
    pg, name = database18
    pg.psql(
        "CREATE TABLE ev (at date, kind int) PARTITION BY RANGE (at);"
        "CREATE TABLE ev_1 PARTITION OF ev FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');"
        "CREATE INDEX ev_at ON ev (at); CREATE INDEX ev_at_kind ON ev (at, kind);"
        'CREATE TABLE "o\'dd ""table"" [red]" ("c""ol" int);'
        'CREATE INDEX "i[bold] one" ON "o\'dd ""table"" [red]" ("c""ol");'
        'CREATE INDEX "i two" ON "o\'dd ""table"" [red]" ("c""ol");'
        "INSERT INTO ev SELECT '2025-01-01'::date + i % 300, i FROM generate_series(1, 9000) i",
        name,
    )
    pg.psql("ANALYZE", name)
    result = examine(pg.dsn(name))
    assert {one for one in problems(result) if "unused" not in one[0]} == {
        ("pg.redundant-index", "public.ev_at"),
        ("pg.duplicate-index", "public.i two"),
    }
    for one in result.json["findings"]:
        drop, _, _ = one["remedy"]["sql"].partition("\n-- to undo:\n")
        pg.psql(drop, name)
    table = dbtune("suggest-indexes", pg.dsn(name), "--min-observed", "0s").ok()
    assert "no existing index has a problem" in table.out


def test_a_question_about_one_statement_leaves_existing_indexes_alone(pg15: Postgres) -> None:
    name = pg15.create_database("hygiene_one")
    pg15.psql("CREATE EXTENSION hypopg", name)
    make(pg15, name)
    ask = ("suggest-indexes", pg15.dsn(name), "--planner", "hypopg", "--min-observed", "0s")
    result = dbtune(*ask, "--sql", "SELECT * FROM orders WHERE customer_id = 7", "-f", "json").ok()
    assert {one["rule"] for one in result.json["findings"]} == {"pg.missing-index"}
    assert "existing_indexes" not in result.json


def test_a_suggestion_and_a_foreign_key_are_one_finding(pg15: Postgres, tmp_path: Any) -> None:
    name = pg15.create_database("hygiene_merged")
    pg15.psql("CREATE EXTENSION hypopg", name)
    make(pg15, name)
    script = tmp_path / "workload.sql"
    script.write_text("SELECT * FROM orders WHERE customer_id = 7;")
    ask = ("suggest-indexes", pg15.dsn(name), "--planner", "hypopg", "--min-observed", "0s")
    result = dbtune(*ask, "--file", str(script), "-f", "json").ok()
    assert problems(result) == EXPECTED - {
        ("pg.unindexed-foreign-key", "public.orders (customer_id)")
    } | {("pg.missing-index", "public.orders (customer_id)")}
    json.dumps(result.json)
