"""Findings on plans from real servers: the defect is made, found, and gone after the remedy.

For the memory of sorts and hashes the remedy's number is put to the test on every version: with it
nothing spills any more, and with a fraction of it something still does.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, cast

import pytest

from dbtune.finding import Finding, load_checks
from dbtune.postgres.plans.limits import not_judged
from dbtune.postgres.plans.model import Plan
from dbtune.postgres.plans.read import read_plans
from tests import servers
from tests.servers import Connection, Postgres, fresh_database

CHECKS = {check.name: check for check in load_checks("dbtune.postgres.plans.checks")}
SERIAL = "SET max_parallel_workers_per_gather = 0; SET jit = off;"
PARALLEL = (
    "SET jit = off; SET max_parallel_workers_per_gather = 2; SET parallel_setup_cost = 0;"
    "SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;"
)
ROWS = 60_000
# Long enough texts that a hash of the table needs several megabytes, whatever the multiplier.
SCHEMA = f"""
CREATE TABLE t AS SELECT i AS id, (i * 7919) % 1000 AS k, md5(i::text) || repeat('x', 150) AS s
    FROM generate_series(1, {ROWS}) AS i;
CREATE INDEX t_k ON t (k);
CREATE TABLE half AS SELECT id, id % 2 AS part, s FROM t;
CREATE INDEX half_part ON half (part);
CREATE TABLE list AS SELECT i AS id FROM generate_series(1, 6000) AS i;
CREATE TABLE asked AS SELECT -i AS id FROM generate_series(1, 500) AS i;
CREATE TABLE few_keys AS
    SELECT ((i::bigint * i * 31) % 907)::int AS k FROM generate_series(1, 5000) AS i;
CREATE TABLE many_keys AS SELECT i AS k FROM generate_series(1, 20000) AS i;
ALTER TABLE few_keys ALTER COLUMN k SET (n_distinct = 10);
ALTER TABLE many_keys ALTER COLUMN k SET (n_distinct = 10);
CREATE INDEX t_id ON t (id);
VACUUM ANALYZE;
"""


@pytest.fixture(scope="module", params=servers.SUPPORTED, ids=lambda version: f"pg{version}")
def database(
    request: pytest.FixtureRequest, pg: Callable[[int], Postgres]
) -> Iterator[tuple[Postgres, str]]:
    """A server of each version with a database that has the tables."""
    server = pg(request.param)
    with fresh_database(server) as name:
        with server.connect(name) as connection:
            for statement in SCHEMA.split(";"):  # VACUUM wants to be alone
                if statement.strip():
                    connection.execute(statement)
        yield server, name


@pytest.fixture
def connection(database: tuple[Postgres, str]) -> Iterator[Connection]:
    """A session of the database; what a test sets in it is gone after it."""
    server, name = database
    with server.connect(name) as made:
        yield made


def run(connection: Connection, sql: str) -> list[tuple[Any, ...]]:
    """Run SQL that may be several statements; rows of the last one that has any."""
    with connection.cursor() as cursor:
        cursor.execute(cast(Any, sql))
        rows: list[tuple[Any, ...]] = []
        while True:
            rows = cursor.fetchall() if cursor.description else rows
            if not cursor.nextset():
                return rows


def explain(connection: Connection, sql: str, options: str = "", form: str = "JSON") -> Plan:
    """The plan of an executed statement, through the reader."""
    given = "ANALYZE, BUFFERS, VERBOSE, SETTINGS" + (f", {options}" if options else "")
    rows = run(connection, f"EXPLAIN ({given}, FORMAT {form}) {sql}")
    text = "\n".join(row[0] for row in rows) if form == "TEXT" else json.dumps(rows[0][0])
    (plan,) = read_plans(text)
    return plan


def found(plan: Plan, rule: str) -> list[Finding]:
    """What one check says."""
    return CHECKS[rule](plan)


def seen(plan: Plan, rule: str) -> list[Finding]:
    """What one check says if no saving is too small: the machine may be fast."""
    check = CHECKS[rule]
    floors = {name: 0.0 for name in ("min_ms", "min_share") if name in check.thresholds}
    return check(plan, **floors)


def version(connection: Connection) -> int:
    return connection.info.server_version // 10_000


class Spill(NamedTuple):
    """A statement that spills with a small work_mem.

    Attributes:
        fraction: of the advised work_mem, with which it still must spill: the number is no
            wild guess.
    """

    rule: str
    sql: str
    settings: str
    work_mem: str = "1MB"
    fraction: float = 0.35
    since: int = 13
    form: str = "JSON"


SPILLS = [
    Spill("plan.sort-spill", "SELECT * FROM t ORDER BY s", SERIAL),
    Spill(
        "plan.sort-spill",
        "SELECT id, k FROM t ORDER BY k, id",
        SERIAL + "SET enable_indexscan = off",
    ),
    # The text format does not tell the version: the number is that of the oldest.
    Spill("plan.sort-spill", "SELECT * FROM t ORDER BY s", SERIAL, form="TEXT", fraction=0.3),
    Spill("plan.sort-spill", "SELECT * FROM t ORDER BY s", PARALLEL, fraction=0.25),
    Spill("plan.sort-spill", "SELECT * FROM t ORDER BY s LIMIT 10000", SERIAL, fraction=0.15),
    Spill(
        "plan.hash-join-spill",
        "SELECT count(*) FROM t AS a JOIN t AS b ON a.id = b.id WHERE a.s || b.s > 'a'",
        SERIAL + "SET enable_mergejoin = off; SET enable_nestloop = off",
    ),
    Spill(
        "plan.hash-join-spill",
        "SELECT count(*) FROM t AS a JOIN t AS b ON a.id = b.id WHERE a.s || b.s > 'a'",
        PARALLEL + "SET enable_mergejoin = off; SET enable_nestloop = off",
    ),
    Spill(
        "plan.hash-aggregate-spill",
        "SELECT id, s, count(*), max(k) FROM t GROUP BY id, s",
        SERIAL
        + "SET enable_sort = off; SET enable_indexscan = off; SET enable_indexonlyscan = off",
        fraction=0.15,
    ),
    Spill(
        "plan.hash-aggregate-spill",
        "SELECT DISTINCT id, k FROM t",
        SERIAL
        + "SET enable_sort = off; SET enable_indexscan = off; SET enable_indexonlyscan = off",
        fraction=0.15,  # up to 17 the plan does not tell the version, and so the multiplier
    ),
    Spill(
        "plan.incremental-sort-spill",
        "SELECT part, s, id FROM half ORDER BY part, s",
        SERIAL + "SET enable_sort = off; SET enable_seqscan = off; SET enable_bitmapscan = off",
        fraction=0.2,
    ),
    Spill(
        "plan.tuple-store-spill",
        "WITH x AS MATERIALIZED (SELECT * FROM t) SELECT count(*) FROM x WHERE s > 'a'",
        SERIAL,
        fraction=0.3,
    ),
    Spill(
        "plan.lossy-bitmap",
        "SELECT count(*) FROM t WHERE k < 60",
        SERIAL
        + "SET enable_seqscan = off; SET enable_indexscan = off; SET enable_indexonlyscan = off",
        work_mem="64kB",
        fraction=0.0,
    ),
    Spill(
        "plan.subplan-not-hashed",
        "SELECT * FROM asked WHERE id NOT IN (SELECT id FROM list)",
        SERIAL,
        work_mem="64kB",
        fraction=0.0,
    ),
    Spill(
        "plan.memoize-evictions",
        "SELECT count(t.s) FROM few_keys JOIN t USING (k)",
        SERIAL + "SET enable_hashjoin = off; SET enable_mergejoin = off",
        work_mem="512kB",
        fraction=0.0,
        since=14,
    ),
]


@pytest.mark.parametrize("spill", SPILLS, ids=lambda spill: f"{spill.rule}-{spill.form}")
def test_with_the_work_mem_that_it_advises_nothing_spills_any_more(
    connection: Connection, spill: Spill
) -> None:
    if version(connection) < spill.since:
        pytest.skip(f"since PostgreSQL {spill.since}")
    run(connection, spill.settings)
    with connection.transaction():
        run(connection, f"SET LOCAL work_mem = '{spill.work_mem}'")
        before = explain(connection, spill.sql, form=spill.form)
        findings = seen(before, spill.rule)
        assert findings, before.nodes
        for finding in findings:
            assert finding.evidence["saving_at_most_ms"] is not None
            run(connection, finding.remedy.sql)
    needed = max(cast(int, finding.evidence["work_mem_needed_bytes"]) for finding in findings)
    with connection.transaction():
        run(connection, f"SET LOCAL work_mem = '{needed // 1024}kB'")
        # On a busy machine one process may happen to get nearly all rows of a small table.
        attempts = 5 if spill.settings.startswith(PARALLEL) else 1
        assert any(not _spills(connection, spill) for _ in range(attempts))
    if spill.fraction:
        with connection.transaction():
            run(connection, f"SET LOCAL work_mem = '{round(needed * spill.fraction / 1024)}kB'")
            assert _spills(connection, spill)


def _spills(connection: Connection, spill: Spill) -> bool:
    """Whether the check finds anything at all, however small."""
    check = CHECKS[spill.rule]
    wanted = {"min_ms": 0.0, "min_share": 0.0, "min_disk_kb": 1}
    thresholds = {name: value for name, value in wanted.items() if name in check.thresholds}
    return bool(check(explain(connection, spill.sql, form=spill.form), **thresholds))


class Defect(NamedTuple):
    """A statement with a defect, and the same without it."""

    rule: str
    bad: str
    good: str
    before: str = SERIAL
    cure: str = ""
    options: str = ""
    since: int = 13


DEFECTS = [
    Defect(
        "plan.memoize-misses",
        "SELECT count(t.s) FROM many_keys JOIN t ON t.id = many_keys.k",
        "SELECT count(t.s) FROM many_keys JOIN t ON t.id = many_keys.k",
        before=SERIAL + "SET enable_hashjoin = off; SET enable_mergejoin = off",
        cure="SET enable_memoize = off",
        since=14,
    ),
    Defect(
        "plan.sort-for-few-rows",
        "SELECT * FROM t ORDER BY s LIMIT 10",
        "SELECT * FROM t ORDER BY id LIMIT 10",
    ),
    Defect(
        "plan.cte-materialized",
        "WITH x AS MATERIALIZED (SELECT * FROM t) SELECT * FROM x WHERE k = 5",
        "WITH x AS NOT MATERIALIZED (SELECT * FROM t) SELECT * FROM x WHERE k = 5",
    ),
    Defect(
        "plan.correlated-subplan",
        "SELECT id, (SELECT count(*) FROM t WHERE t.id + 0 = asked.id) FROM asked LIMIT 120",
        "SELECT asked.id, n FROM asked LEFT JOIN (SELECT id, count(*) AS n FROM t GROUP BY id) AS x"
        " USING (id) LIMIT 120",
    ),
    Defect(
        "plan.subplan-not-hashed",
        "SELECT * FROM asked WHERE id NOT IN (SELECT id FROM list)",
        "SELECT * FROM asked WHERE NOT EXISTS (SELECT FROM list WHERE list.id = asked.id)",
        before=SERIAL + "SET work_mem = '64kB'",
    ),
    Defect(
        "plan.repeated-subquery",
        "SELECT (SELECT max(s) FROM t WHERE id % 3 = 0), (SELECT min(s) FROM t WHERE id % 3 = 0)",
        "SELECT a, b FROM (SELECT max(s) AS a, min(s) AS b FROM t WHERE id % 3 = 0) AS x",
    ),
    Defect(
        "plan.repeated-sort",
        "SELECT g, x.s FROM generate_series(0, 200) AS g, "
        "LATERAL (SELECT s FROM t WHERE t.k = g ORDER BY s DESC LIMIT 1) AS x",
        "SELECT DISTINCT ON (k) k, s FROM t WHERE k BETWEEN 0 AND 200 ORDER BY k, s DESC",
    ),
    Defect(
        "plan.distinct-after-join",
        "SELECT DISTINCT list.id FROM list JOIN t ON t.k = list.id",
        "SELECT id FROM list WHERE EXISTS (SELECT FROM t WHERE t.k = list.id)",
    ),
    Defect(
        "plan.workers-not-launched",
        "SELECT count(s) FROM t WHERE s > 'a'",
        "SELECT count(s) FROM t WHERE s > 'a'",
        before=PARALLEL + "SET max_parallel_workers = 0",
        cure="RESET max_parallel_workers",
    ),
    Defect(
        "plan.distorting-setting",
        "SELECT count(*) FROM t",
        "SELECT count(*) FROM t",
        before=SERIAL + "SET enable_hashjoin = off",
        cure="RESET enable_hashjoin",
    ),
    Defect(
        "plan.disabled-method",
        "SELECT count(s) FROM t",
        "SELECT count(s) FROM t",
        before=SERIAL + "SET enable_seqscan = off; SET enable_bitmapscan = off;"
        "SET enable_indexscan = off; SET enable_indexonlyscan = off",
        cure="RESET ALL; " + SERIAL,
    ),
    Defect("plan.large-result", "SELECT * FROM t", "SELECT * FROM t WHERE id < 100", before=SERIAL),
    Defect(
        "plan.serialization-dominates",
        "SELECT repeat(s, 100) FROM t LIMIT 5000",
        "SELECT count(*) FROM t WHERE s > 'a'",
        options="SERIALIZE TEXT",
        since=17,
    ),
    Defect(
        "plan.temp-table-reads",
        "SELECT count(s) FROM mine",
        "SELECT count(s) FROM mine WHERE s > 'a'",
        before=SERIAL + "SET temp_buffers = '1MB'; CREATE TEMPORARY TABLE mine AS SELECT * FROM t",
        # temp_buffers counts from a session's first temporary table on.
        cure="new session; SET temp_buffers = '64MB'; CREATE TEMPORARY TABLE mine AS "
        "SELECT * FROM t; SELECT count(s) FROM mine",
    ),
]


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.rule)
def test_a_defect_is_found_and_its_cure_makes_the_finding_go_away(
    database: tuple[Postgres, str], defect: Defect
) -> None:
    server, name = database
    with server.connect(name) as connection:
        if version(connection) < defect.since:
            pytest.skip(f"since PostgreSQL {defect.since}")
        run(connection, defect.before)
        bad = explain(connection, defect.bad, defect.options)
        (finding, *_) = seen(bad, defect.rule)
        assert finding.why
        assert finding.mistaken_when
        assert finding.remedy.text
        if not defect.cure.startswith("new session; "):
            run(connection, defect.cure or "SELECT 1")
            assert found(explain(connection, defect.good, defect.options), defect.rule) == []
            return
    with server.connect(name) as connection:
        run(connection, defect.cure.removeprefix("new session; "))
        assert found(explain(connection, defect.good, defect.options), defect.rule) == []


def test_the_index_that_it_writes_for_a_foreign_key_makes_the_delete_fast(
    connection: Connection,
) -> None:
    run(
        connection,
        'DROP TABLE IF EXISTS child, "Parent\'s"; CREATE TABLE "Parent\'s" (id int PRIMARY KEY);'
        'INSERT INTO "Parent\'s" SELECT generate_series(1, 2000);'
        'CREATE TABLE child (a int, "Ref" int CONSTRAINT "it\'s" REFERENCES "Parent\'s");'
        "INSERT INTO child SELECT i, 1 + i % 1000 FROM generate_series(1, 100000) AS i;"
        'ANALYZE child; ANALYZE "Parent\'s"',
    )
    delete = 'DELETE FROM "Parent\'s" WHERE id > {} AND id <= {}'
    rule = "plan.foreign-key-without-index"
    (finding,) = found(explain(connection, delete.format(1000, 1100)), rule)
    assert finding.evidence["calls"] == 100
    assert finding.subject == "foreign key it's"
    ((statement,),) = run(connection, finding.remedy.sql)
    assert statement == 'CREATE INDEX CONCURRENTLY ON child ("Ref");'
    run(connection, statement)
    after = explain(connection, delete.format(1100, 1200))
    assert found(after, rule) == []
    assert found(after, "plan.slow-trigger") == [] or after.total_ms is not None


@pytest.mark.parametrize("when", ["BEFORE", "AFTER"])
def test_a_slow_trigger_is_named(connection: Connection, when: str) -> None:
    run(
        connection,
        "DROP TABLE IF EXISTS w; CREATE TABLE w (a int);"
        "CREATE OR REPLACE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN PERFORM pg_sleep(0.01); RETURN NEW; END';"
        f"CREATE TRIGGER sleeper {when} INSERT ON w FOR EACH ROW EXECUTE FUNCTION slow()",
    )
    (finding,) = found(
        explain(connection, "INSERT INTO w VALUES (1), (2), (3)"), "plan.slow-trigger"
    )
    assert finding.evidence["calls"] == 3
    assert "sleeper" in finding.subject
    assert ("part of its node" in finding.message) == (when == "BEFORE")
    run(connection, "DROP TRIGGER sleeper ON w")
    assert found(explain(connection, "INSERT INTO w VALUES (1)"), "plan.slow-trigger") == []


def test_reading_a_fresh_load_makes_blocks_dirty_until_vacuum(connection: Connection) -> None:
    run(
        connection,
        SERIAL + "DROP TABLE IF EXISTS fresh; CREATE TABLE fresh (a int, s text) "
        "WITH (autovacuum_enabled = off);"
        "INSERT INTO fresh SELECT i, repeat('x', 300) FROM generate_series(1, 60000) AS i;"
        # Blocks that are dirty already cannot become so.
        "CHECKPOINT",
    )
    (finding,) = found(explain(connection, "SELECT count(*) FROM fresh"), "plan.dirtying-read")
    run(
        connection,
        "INSERT INTO fresh SELECT i, repeat('x', 300) FROM generate_series(1, 60000) AS i",
    )
    run(connection, "CHECKPOINT")
    run(connection, finding.remedy.sql)
    run(connection, "CHECKPOINT")
    assert found(explain(connection, "SELECT count(*) FROM fresh"), "plan.dirtying-read") == []


def test_many_indexes_amplify_the_log_and_a_checkpoint_makes_page_images(
    connection: Connection,
) -> None:
    run(
        connection,
        "DROP TABLE IF EXISTS wide; CREATE TABLE wide (a int, b int, c int);"
        + "".join(f"CREATE INDEX ON wide ((a * {n} + b), c);" for n in range(12)),
    )
    insert = "INSERT INTO wide SELECT i, i * 31 % 977, i FROM generate_series(1, 20000) AS i"
    plan = explain(connection, insert, "WAL")
    (finding,) = found(plan, "plan.wal-amplified")
    assert cast(float, finding.evidence["factor"]) >= 10
    run(connection, "CHECKPOINT")
    touch = "UPDATE t SET k = k WHERE id % 30 = 0"
    (images,) = found(explain(connection, touch, "WAL"), "plan.full-page-images")
    assert cast(float, images.evidence["image_ratio"]) > 0.5
    again = explain(connection, "UPDATE t SET k = k WHERE id % 30 = 1", "WAL")
    assert found(again, "plan.full-page-images") == []


def test_waiting_for_a_row_lock_is_suspected(database: tuple[Postgres, str]) -> None:
    server, name = database
    with server.connect(name) as holder, server.connect(name) as waiter:
        run(waiter, "DROP TABLE IF EXISTS locked; CREATE TABLE locked AS SELECT 1 AS id, 0 AS n")
        held = threading.Event()

        def hold() -> None:
            with holder.transaction():
                run(holder, "UPDATE locked SET n = n + 1")
                held.set()
                while not server.psql("SELECT count(*) FROM pg_locks WHERE NOT granted")[0][0]:
                    time.sleep(0.02)
                time.sleep(0.6)

        thread = threading.Thread(target=hold)
        thread.start()
        assert held.wait(10)
        plan = explain(waiter, "UPDATE locked SET n = n + 1")
        thread.join()
        (finding,) = found(plan, "plan.possible-lock-wait")
        assert "waiting for locks" in finding.message
        calm = explain(waiter, "UPDATE locked SET n = n + 1")
        assert found(calm, "plan.possible-lock-wait") == []


def test_compiling_a_short_statement_is_found_where_the_server_has_jit(
    database: tuple[Postgres, str],
) -> None:
    server, name = database
    with server.connect(name) as connection:
        ((available,),) = run(connection, "SELECT pg_jit_available()")
        if not available:
            pytest.skip("this build has no JIT")
        run(connection, "SET jit = on; SET jit_above_cost = 0; SET jit_inline_above_cost = 0;")
        run(connection, "SET jit_optimize_above_cost = 0")
        for setting in (
            SERIAL.replace("SET jit = off;", ""),
            PARALLEL.replace("SET jit = off;", ""),
        ):
            run(connection, setting)
            plan = explain(connection, "SELECT k, count(*), sum(id + 1) FROM t GROUP BY k")
            (finding,) = found(plan, "plan.jit-dominates")
            saving = cast(float, finding.evidence["saving_at_most_ms"])
            assert plan.total_ms is not None
            assert saving <= plan.total_ms
        with connection.transaction():
            run(connection, finding.remedy.sql)
            off = explain(connection, "SELECT k, count(*), sum(id + 1) FROM t GROUP BY k")
            assert found(off, "plan.jit-dominates") == []


def test_what_a_plan_does_not_tell_is_listed(connection: Connection) -> None:
    run(connection, PARALLEL)
    sql = "SELECT count(s) FROM t WHERE s > 'a'"

    def limits(options: str) -> str:
        rows = run(connection, f"EXPLAIN ({options}, FORMAT JSON) {sql}")
        (plan,) = read_plans(json.dumps(rows[0][0]))
        return " ".join(one.what for one in not_judged(plan))

    assert "time, rows" in limits("COSTS")
    assert "estimates" in limits("COSTS OFF")
    # BUFFERS is on by default since 18.
    bare = limits("ANALYZE, TIMING OFF, BUFFERS OFF")
    assert bare.startswith("time ")
    assert "blocks read" in bare
    assert "workers" in limits("ANALYZE, BUFFERS")
    assert "workers" not in limits("ANALYZE, BUFFERS, VERBOSE")
    assert "estimates" in limits("ANALYZE, COSTS OFF")


def test_an_ordinary_statement_gets_no_finding(connection: Connection) -> None:
    run(connection, "SET jit = off")
    explain(connection, "SELECT * FROM t WHERE k = 5 LIMIT 10")  # the catalog is warm then
    plan = explain(connection, "SELECT * FROM t WHERE k = 5 LIMIT 10")
    names = [finding.rule for check in CHECKS.values() for finding in check(plan)]
    assert names == []
