"""Checks on counters: of what happens while they are watched, and of what was counted before."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping

import psycopg
import pytest

from tests.health import Found, eventually, findings, meanwhile
from tests.servers import Postgres

MiB = 1024**2


@pytest.fixture(scope="module")
def busy() -> Iterator[Postgres]:
    """A server of its own: other tests' work would count here, too."""
    from tests import servers
    from tests.conftest import missing

    if 18 not in servers.available_postgres():
        missing("PostgreSQL 18")
    conf = {"shared_buffers": "1MB", "min_wal_size": "32MB", "max_wal_size": "32MB"}
    with Postgres(18) as server:
        yield server.start(conf | {"work_mem": "64kB", "deadlock_timeout": "50ms"})


def while_watched(
    server: Postgres,
    rule: str,
    work: Callable[[], None],
    *,
    limits: Mapping[str, float] | None = None,
    **more: float,
) -> Found:
    """What a rule finds in an interval in which something happens."""
    with meanwhile(work):
        return findings(server, rule, interval="1s", limits={**(limits or {}), **more})


def quiet(server: Postgres, rule: str, **limits: float) -> bool:
    """Whether a rule finds nothing in an interval, once what was begun is done."""
    return not eventually(
        lambda: findings(server, rule, interval="300ms", limits=limits), there=False
    )


def deadlock(server: Postgres) -> None:
    server.psql("DROP TABLE IF EXISTS pair; CREATE TABLE pair AS SELECT 1 AS a UNION SELECT 2")
    with server.connect() as one, server.connect() as two:
        one.execute("BEGIN; UPDATE pair SET a = a WHERE a = 1")
        two.execute("BEGIN; UPDATE pair SET a = a WHERE a = 2")

        def cross() -> None:
            try:
                two.execute("UPDATE pair SET a = a WHERE a = 1")
            except psycopg.errors.DeadlockDetected:
                two.execute("ROLLBACK")

        thread = threading.Thread(target=cross)
        thread.start()
        try:
            one.execute("UPDATE pair SET a = a WHERE a = 2")
        except psycopg.errors.DeadlockDetected:
            one.execute("ROLLBACK")
        thread.join()


def test_deadlocks(busy: Postgres) -> None:
    assert quiet(busy, "pg.deadlocks")
    [found] = while_watched(busy, "pg.deadlocks", lambda: deadlock(busy))
    assert found["evidence"]["deadlocks"] == 1
    # One in a lifetime is no trouble: the totals are judged by their rate.
    assert findings(busy, "pg.deadlocks", min_per_hour=10**9) == []


def test_rollbacks(busy: Postgres) -> None:
    def work() -> None:
        with busy.connect() as session:
            for _ in range(50):
                session.execute("BEGIN; ROLLBACK")

    [found] = while_watched(busy, "pg.many-rollbacks", work, min_transactions=50, min_ratio=0.5)
    assert found["evidence"]["rollbacks"] >= 50
    assert quiet(busy, "pg.many-rollbacks", min_transactions=1, min_ratio=0.5)


def test_temporary_files(busy: Postgres) -> None:
    def work() -> None:
        busy.psql(
            "SELECT count(*) FROM "
            "(SELECT md5(n::text) FROM generate_series(1, 100000) n ORDER BY 1) t"
        )

    limits = {"min_bytes": MiB, "warning_bytes_per_second": 1000}
    [found] = while_watched(busy, "pg.temp-files", work, limits=limits)
    assert found["evidence"]["temp_bytes"] > MiB
    assert quiet(busy, "pg.temp-files", **limits)


def test_blocks_that_are_not_in_shared_buffers(busy: Postgres) -> None:
    busy.psql("CREATE TABLE large AS SELECT md5(n::text) FROM generate_series(1, 100000) n")

    def work() -> None:
        busy.psql("SELECT count(*) FROM large; SELECT count(*) FROM large")

    limits = {"min_read_per_second": 10}
    [found] = while_watched(busy, "pg.database-misses-cache", work, limits=limits)
    assert found["evidence"]["hit_ratio"] < 0.95
    assert findings(busy, "pg.database-misses-cache", interval="0s", limits=limits) == []


def test_connections_that_are_not_kept(busy: Postgres) -> None:
    def work() -> None:
        for _ in range(15):
            busy.psql("SELECT 1")

    limits = {"min_sessions": 10, "warning_per_second": 0.1}
    assert len(while_watched(busy, "pg.connections-not-kept", work, limits=limits)) == 1
    assert quiet(busy, "pg.connections-not-kept", **limits)


def test_sessions_whose_client_is_gone(busy: Postgres) -> None:
    vanishing = (
        "import os, psycopg, sys; kept = psycopg.connect(sys.argv[1]); "
        "kept.execute('SELECT 1'); os._exit(1)"
    )

    def work() -> None:
        for _ in range(3):
            subprocess.run([sys.executable, "-c", vanishing, busy.dsn(socket=True)], check=False)

    limits = {"min_lost": 2, "min_ratio": 0.01}
    [found] = while_watched(busy, "pg.sessions-lost", work, limits=limits)
    assert found["evidence"]["sessions_abandoned"] >= 2
    assert quiet(busy, "pg.sessions-lost", **limits)


def test_transactions_that_idle(busy: Postgres) -> None:
    def work() -> None:
        with busy.connect() as session:
            session.execute("BEGIN; SELECT 1")
            time.sleep(0.8)
            session.execute("COMMIT")

    limits = {"min_ms": 300, "min_ratio": 0.5}
    [found] = while_watched(busy, "pg.transactions-mostly-idle", work, limits=limits)
    assert found["evidence"]["idle_in_transaction_ms"] > 300
    assert quiet(busy, "pg.transactions-mostly-idle", **limits)


def test_checkpoints_that_the_log_forces(busy: Postgres) -> None:
    def work() -> None:
        for _ in range(4):
            busy.psql(
                "DROP TABLE IF EXISTS bulk; CREATE TABLE bulk AS "
                "SELECT repeat(md5(n::text), 3) FROM generate_series(1, 150000) n"
            )
            time.sleep(0.2)

    rule = "pg.checkpoints-too-frequent"
    [found] = while_watched(busy, rule, work, min_requested=1)
    assert "max_wal_size is 32.0 MiB" in found["message"]
    assert quiet(busy, rule, min_requested=1)
    for statement in found["remedy"]["sql"].split("\n"):
        busy.psql(statement)
    # A burst of seconds is no measure of hours: the advice stays within reach of what is set.
    assert busy.psql("SHOW max_wal_size") == [("1GB",)]


def test_backends_that_write_and_buffers_of_the_log_that_are_full(busy: Postgres) -> None:
    def work() -> None:
        busy.psql(
            "CREATE TABLE filled (a int, t text); "
            "INSERT INTO filled SELECT n, md5(n::text) FROM generate_series(1, 100000) n; "
            "UPDATE filled SET a = a + 1; DROP TABLE filled"
        )

    [found] = while_watched(busy, "pg.backends-write-buffers", work, min_buffers=100)
    assert found["evidence"]["buffers_backend"] > 100
    limits = {"min_times": 1, "min_per_second": 0.01}
    assert len(while_watched(busy, "pg.wal-buffers-run-full", work, limits=limits)) == 1
    assert quiet(busy, "pg.backends-write-buffers", min_buffers=100)
    assert quiet(busy, "pg.wal-buffers-run-full", **limits)


def test_checksums_that_fail(new_pg: Callable[[int], Postgres]) -> None:
    server = new_pg(18).start()
    assert findings(server, "pg.checksum-failures") == []
    server.psql(
        "CREATE TABLE broken AS SELECT md5(n::text) FROM generate_series(1, 5000) n; CHECKPOINT"
    )
    path = server.data / str(server.psql("SELECT pg_relation_filepath('broken')")[0][0])
    with path.open("r+b") as file:
        file.seek(8192 + 4000)
        file.write(b"\xff\x00\xff\x00")
    server.restart()
    with pytest.raises(psycopg.errors.DataCorrupted):
        server.psql("SELECT count(*) FROM broken")
    [found] = eventually(lambda: findings(server, "pg.checksum-failures"), there=True)
    assert found["level"] == "critical"
    assert findings(server, "pg.checksums-off") == []


@pytest.mark.parametrize("version", [15, 18])
def test_backends_that_flush_files(new_pg: Callable[[int], Postgres], version: int) -> None:
    rule = "pg.backends-flush-files"
    server = new_pg(version).start({"shared_buffers": "128kB", "autovacuum": "off"})
    assert findings(server, rule) == []
    # A queue of 16 files, that nobody empties meanwhile.
    [[pid]] = server.psql("SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'")
    os.kill(pid, signal.SIGSTOP)
    try:
        server.psql(
            "DO $$ BEGIN FOR i IN 1..150 LOOP EXECUTE format('CREATE TABLE t%s AS SELECT "
            "generate_series(1, 300)', i); END LOOP; END $$"
        )
    finally:
        os.kill(pid, signal.SIGCONT)
    [found] = eventually(lambda: findings(server, rule), there=True)
    assert found["evidence"]["backend_fsyncs"] >= 100
    assert quiet(server, rule)


def test_a_lock_table_that_fills(new_pg: Callable[[int], Postgres]) -> None:
    server = new_pg(18).start({"max_connections": 10, "max_locks_per_transaction": 10})
    server.psql(
        "DO $$ BEGIN FOR i IN 1..60 LOOP EXECUTE format('CREATE TABLE t%s ()', i); END LOOP; END $$"
    )
    assert findings(server, "pg.lock-table-nearly-full") == []
    with server.connect() as session:
        session.execute("BEGIN")
        for number in range(1, 61):
            session.execute(f"LOCK TABLE t{number}")
        [found] = findings(server, "pg.lock-table-nearly-full")
        assert found["evidence"]["taken"] >= 60
    assert findings(server, "pg.lock-table-nearly-full") == []


@pytest.mark.parametrize("rule", ["pg.xid-wraparound-near", "pg.multixact-wraparound-near"])
def test_ids_that_come_to_their_end(pg18: Postgres, rule: str) -> None:
    # No test can burn a billion ids: the threshold comes to the age instead.
    assert findings(pg18, rule) == []
    pg18.psql("CREATE TABLE IF NOT EXISTS ids (a int); INSERT INTO ids VALUES (1)")
    with pg18.connect() as one, pg18.connect() as two:
        for session in (one, two):
            session.execute("BEGIN; SELECT * FROM ids FOR SHARE")
    for _ in range(3):
        pg18.psql("SELECT pg_current_xact_id()")
    found = findings(pg18, rule, warning_factor=0, warning_age=1, critical_age=10**9)
    assert found
    assert found[0]["level"] == "warning"
    assert "VACUUM (FREEZE, VERBOSE)" in found[0]["remedy"]["sql"]
    assert (
        findings(pg18, rule, warning_factor=0, warning_age=1, critical_age=1)[0]["level"]
        == "critical"
    )
