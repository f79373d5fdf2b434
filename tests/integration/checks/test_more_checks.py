"""More checks: what is wrong is made, found, mended, and gone."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from dbtune.postgres.facts.xids import DatabaseAge, Xids
from dbtune.postgres.health.checks.xid_wraparound_near import xid_wraparound_near
from tests.command import dbtune
from tests.health import Found, eventually, findings, running
from tests.servers import Postgres, fresh_database


@pytest.fixture(scope="module")
def small() -> Iterator[Postgres]:
    """A server of its own, with little memory."""
    from tests import servers
    from tests.conftest import missing

    if 18 not in servers.available_postgres():
        missing("PostgreSQL 18")
    conf = {
        "shared_buffers": "1MB", "full_page_writes": "on", "autovacuum": "off",
        "bgwriter_lru_maxpages": 1, "bgwriter_delay": "10ms", "track_io_timing": "on",
    }  # fmt: skip
    with Postgres(18) as server:
        server.start(conf)
        server.psql(
            "CREATE TABLE wide AS SELECT n AS id, repeat(md5(n::text), 4) AS t "
            "FROM generate_series(1, 80000) n; CREATE INDEX ON wide (id); ANALYZE wide"
        )
        yield server


def while_busy(
    server: Postgres,
    rule: str,
    work: Callable[[], None],
    limits: Mapping[str, float],
    *,
    there: bool = True,
) -> Found:
    """What a rule finds while something happens again and again; slow machines get more time."""
    stop = threading.Event()

    def run() -> None:
        while not stop.wait(0.05):
            work()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        return eventually(lambda: findings(server, rule, interval="2s", limits=limits), there=there)
    finally:
        stop.set()
        thread.join()


def quiet(server: Postgres, rule: str, limits: Mapping[str, float]) -> bool:
    """Whether a rule finds nothing in an interval, once what was begun is done."""
    return not eventually(
        lambda: findings(server, rule, interval="300ms", limits=limits), there=False
    )


def test_wal_and_what_it_is_made_of(small: Postgres) -> None:
    runs = itertools.count()

    def work() -> None:
        run = next(runs)
        if run % 30 == 0:
            small.psql("CHECKPOINT")
        small.psql(f"UPDATE wide SET id = -id WHERE abs(id) % 2000 = {run * 50 % 2000}")

    for rule in ("pg.wal-written-fast", "pg.wal-mostly-page-images"):
        limits = {"min_bytes_per_second": 20_000}
        [found] = while_busy(small, rule, work, limits)
        assert found["evidence"]["wal_bytes"] > 40_000
        assert quiet(small, rule, limits)
        assert findings(small, rule, interval="0s", limits=limits) == []  # no lifetime's mean


def test_a_background_writer_that_stops(small: Postgres) -> None:
    def work() -> None:
        for _ in range(3):
            small.psql("UPDATE wide SET t = t WHERE id % 3 = 0")

    rule, limits = "pg.background-writer-stops", {"min_times": 1, "min_per_second": 0.1}
    [found] = while_busy(small, rule, work, limits)
    small.psql(found["remedy"]["sql"].split("\n")[0])
    small.reload()
    assert small.psql("SHOW bgwriter_lru_maxpages") == [("1000",)]
    assert quiet(small, rule, limits)


def test_reads_past_the_cache(small: Postgres) -> None:
    def work() -> None:
        small.psql("SELECT count(*) FROM wide; SELECT count(*) FROM wide")

    limits = {"min_read_per_second": 10}
    found = while_busy(small, "pg.relation-misses-cache", work, limits)
    assert "table public.wide" in [one["subject"] for one in found]
    assert quiet(small, "pg.relation-misses-cache", limits)
    slowly: dict[str, float] = {"min_reads": 10, "warning_ms": 1e-9}
    [slow] = while_busy(small, "pg.reads-slow", work, slowly)
    assert slow["evidence"]["mean_read_ms"] > 0
    assert while_busy(small, "pg.reads-slow", work, slowly | {"warning_ms": 1e6}, there=False) == []


def test_times_that_are_not_measured_are_no_good_times(pg18: Postgres) -> None:
    made = dbtune(
        *("check", pg18.dsn(), "--only", "pg.reads-slow", "--interval", "0s", "--strict"),
        *("-f", "json"),
    )
    assert made.code == 4
    assert "track_io_timing" in made.json["skipped"][0]["remedy"]


def test_workers_that_are_all_busy(new_pg: Callable[[int], Postgres]) -> None:
    conf = {
        "autovacuum_max_workers": 1, "autovacuum_naptime": "1s",
        "autovacuum_vacuum_cost_delay": "100ms", "autovacuum_vacuum_cost_limit": 1,
    }  # fmt: skip
    server, rule = new_pg(18).start(conf), "pg.autovacuum-workers-busy"
    assert eventually(lambda: findings(server, rule, min_seconds=0), there=False) == []
    server.psql("CREATE TABLE t AS SELECT n FROM generate_series(1, 100000) n; DELETE FROM t")

    def on_t() -> Found:  # the worker visits catalogs, too, and has no table at its start
        found = findings(server, rule, min_seconds=0)
        return [one for one in found if "public.t" in one["evidence"]["on"]]

    assert eventually(on_t, there=True)
    assert findings(server, rule, min_seconds=600) == []
    server.psql("ALTER SYSTEM SET autovacuum = off")
    server.psql("ALTER SYSTEM SET autovacuum_vacuum_cost_delay = 0")
    server.reload()
    assert eventually(lambda: findings(server, rule, min_seconds=0), there=False) == []


def test_integer_keys_that_no_sequence_feeds(any_database: tuple[Postgres, str]) -> None:
    server, name = any_database
    rule = "pg.integer-key-near-end"
    server.psql(
        "CREATE TABLE big (id bigint PRIMARY KEY);"
        "CREATE TABLE refers (id int PRIMARY KEY, big_id int REFERENCES big, free int);"
        "INSERT INTO big SELECT 2147483640 + n FROM generate_series(1, 5) n;"
        "INSERT INTO refers SELECT n, 2147483640 + n, 2147483647 FROM generate_series(1, 5) n;"
        "ANALYZE",
        name,
    )
    [found] = findings(server, rule, name)
    assert found["subject"] == "column public.refers.big_id"
    assert found["level"] == "critical"
    server.psql(found["remedy"]["sql"], name)
    server.psql("UPDATE refers SET id = 1900000000 + id; ANALYZE", name)
    [found] = findings(server, rule, name)
    assert (found["subject"], found["level"]) == ("column public.refers.id", "warning")
    server.psql("ALTER TABLE refers ALTER id TYPE bigint; ANALYZE", name)
    assert findings(server, rule, name) == []


def test_a_table_that_was_never_vacuumed(database18: tuple[Postgres, str]) -> None:
    server, name = database18
    rule, limits = "pg.table-never-vacuumed", {"min_rows": 1000, "min_bytes": 8192}
    server.psql("CREATE TABLE t (a int) WITH (autovacuum_enabled = off)", name)
    assert findings(server, rule, name, limits=limits) == []
    server.psql("INSERT INTO t SELECT generate_series(1, 5000)", name)
    [found] = eventually(lambda: findings(server, rule, name, limits=limits), there=True)
    server.psql(found["remedy"]["sql"], name)
    assert eventually(lambda: findings(server, rule, name, limits=limits), there=False) == []


def test_a_database_that_is_half_dropped(pg18: Postgres) -> None:
    assert findings(pg18, "pg.database-invalid") == []
    pg18.create_database("half dropped")
    pg18.psql("UPDATE pg_database SET datconnlimit = -2 WHERE datname = 'half dropped'")
    [found] = findings(pg18, "pg.database-invalid")
    assert found["subject"] == "database half dropped"
    pg18.psql(found["remedy"]["sql"])
    assert findings(pg18, "pg.database-invalid") == []


@pytest.mark.parametrize("version", [14, 18])
def test_a_partition_that_is_half_detached(pg: Callable[[int], Postgres], version: int) -> None:
    server, rule = pg(version), "pg.partition-detach-pending"
    with fresh_database(server) as name:
        server.psql(
            "CREATE TABLE p (a int) PARTITION BY LIST (a);"
            'CREATE TABLE "p 1" PARTITION OF p FOR VALUES IN (1)',
            name,
        )
        assert findings(server, rule, name) == []
        with server.connect(name) as reader, server.connect(name) as other:
            reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
            reader.execute("SELECT * FROM p")
            with running(other, 'ALTER TABLE p DETACH PARTITION "p 1" CONCURRENTLY'):
                eventually(lambda: findings(server, rule, name), there=True)
        [found] = findings(server, rule, name)
        server.psql(found["remedy"]["sql"], name)
        assert findings(server, rule, name) == []


def test_days_until_wraparound() -> None:
    now = datetime.now(UTC)
    ages = (DatabaseAge("d", 250_000_000, 0),)
    xids = Xids(ages, (), 200_000_000, 400_000_000, 10**9, now)
    assert xid_wraparound_near(xids) == []
    from dbtune.postgres.facts import xids as module

    later = replace(xids, next_xid=10**9 + 1000, at=now + timedelta(seconds=1))
    busy = module.xids.between(xids, later) if module.xids.between else xids
    assert busy.per_second == 1000
    [found] = xid_wraparound_near(busy)  # 1.9 billion at 1,000 a second
    assert found.level is not None
    assert found.level.name == "warning"
    assert "22.0 days are left" in found.message
    [found] = xid_wraparound_near(replace(busy, per_second=10_000))
    assert found.level is not None
    assert found.level.name == "critical"
    young = replace(busy, databases=(DatabaseAge("d", 1000, 0),), per_second=1e6)
    assert xid_wraparound_near(young) == []
