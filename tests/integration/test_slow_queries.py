"""slow-queries on real servers: every version, every privilege, poolers, standbys, intervals."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from tests.command import Result, dbtune
from tests.health import meanwhile, running
from tests.servers import PgBouncer, Postgres, fresh_database

LISTED, EACH = 40, 50


def workload(url: str) -> None:
    """N+1, row-by-row inserts, an export, a spill, paging by OFFSET, IN lists of many lengths."""
    with psycopg.connect(url, autocommit=True, prepare_threshold=None) as db:
        db.execute("CREATE TABLE customers(id int PRIMARY KEY, name text)")
        db.execute("CREATE TABLE orders(id int PRIMARY KEY, customer_id int, total numeric)")
        db.execute("CREATE TABLE events(payload text)")
        db.execute("INSERT INTO customers SELECT i, 'n' || i FROM generate_series(1, 2000) i")
        db.execute("INSERT INTO orders SELECT i, i % 2000 + 1, i FROM generate_series(1, 60000) i")
        db.execute("ANALYZE")
        with db.pipeline():
            for start in range(LISTED):
                db.execute(
                    "SELECT customer_id FROM orders ORDER BY id LIMIT %s OFFSET %s",
                    (EACH, start * 1000),
                )
                for one in range(EACH):
                    db.execute(
                        "SELECT name FROM customers WHERE id = %s", (start * EACH + one + 1,)
                    )
            for number in range(6000):
                db.execute("INSERT INTO events(payload) VALUES (%s)", (str(number),))
            for count in range(1, 8):
                places = ",".join(["%s"] * count)
                db.execute(
                    f"SELECT total FROM orders WHERE id IN ({places})".encode(), range(count)
                )
        for _ in range(5):
            db.execute("SELECT id, total FROM orders").fetchall()
            db.execute("SET work_mem = '256kB'")
            db.execute(
                "SELECT max(x) FROM (SELECT total x FROM orders ORDER BY total + 1 OFFSET 0) y"
            )


@pytest.fixture(scope="module")
def prepared() -> Iterator[_Prepared]:
    """Databases with the workload behind them, by version: each is made once."""
    with contextlib.ExitStack() as stack:
        yield _Prepared(stack)


class _Prepared(dict[int, str]):
    def __init__(self, stack: contextlib.ExitStack) -> None:
        super().__init__()
        self._stack = stack

    def of(self, pg: Postgres) -> str:
        if pg.version not in self:
            name = self[pg.version] = self._stack.enter_context(fresh_database(pg))
            pg.psql("CREATE EXTENSION pg_stat_statements", name)
            # Else what is done in moments counts as spread over the server's whole life.
            pg.psql("SELECT pg_stat_statements_reset()", name)
            workload(pg.dsn(name))
        return self[pg.version]


@pytest.fixture
def busy(any_pg: Postgres, prepared: _Prepared) -> tuple[Postgres, str]:
    """A database with the workload behind it, on each version."""
    return any_pg, prepared.of(any_pg)


def statement(result: Result, part: str) -> Any:
    return next(row for row in result.json["statements"] if part in row["statement"])


def test_the_numbers_are_the_workloads(busy: tuple[Postgres, str]) -> None:
    pg, name = busy
    result = dbtune(
        "slow-queries", pg.dsn(name), "--database", name, "-f", "json", "-n", "100"
    ).ok()
    assert result.json["target"]["server"].startswith(f"PostgreSQL {pg.version}")
    assert result.json["summary"]["source"] == "pg_stat_statements"
    lookup = statement(result, "FROM customers WHERE id")
    assert lookup["calls"] == LISTED * EACH
    assert lookup["rows_per_call"] == 1
    assert lookup["databases"] == [name]
    assert statement(result, "INSERT INTO events")["calls"] == 6000
    folded = statement(result, "FROM orders WHERE id IN")
    assert folded["calls"] == 7
    assert folded["variants"] == (2 if pg.version >= 18 else 7)
    spill = statement(result, "ORDER BY total")
    assert spill["temp_bytes"] > 5 * 256 * 1024
    assert statement(result, "INSERT INTO events")["wal_bytes"] > 0
    shares = [row["share_ratio"] for row in result.json["statements"]]
    assert sum(shares) == pytest.approx(1, abs=0.01)
    assert not [row for row in result.json["statements"] if "dbtune" in row["statement"]]


def test_what_is_wrong_is_found(busy: tuple[Postgres, str]) -> None:
    pg, name = busy
    result = dbtune("slow-queries", pg.dsn(name), "--database", name, "-f", "json").ok()
    found = {one["rule"]: one for one in result.json["findings"]}
    assert {"pg.n-plus-one", "pg.row-by-row-write", "pg.unbounded-select"} <= set(found)
    assert "customers" in found["pg.n-plus-one"]["subject"]
    assert found["pg.n-plus-one"]["evidence"]["calls_per_parent_call"] == EACH


def test_ordering_filters_and_limit(busy: tuple[Postgres, str]) -> None:
    pg, name = busy
    ask = ("slow-queries", pg.dsn(name), "--database", name, "-f", "json")
    by_calls = dbtune(*ask, "--by", "calls", "-n", "1").ok()
    assert by_calls.json["statements"][0]["statement"].startswith("INSERT INTO events")
    by_temp = dbtune(*ask, "--by", "temp", "-n", "1").ok()
    assert "ORDER BY total" in by_temp.json["statements"][0]["statement"]
    grep = dbtune(*ask, "--grep", "from CUSTOMERS").ok()
    assert {"FROM customers" in row["statement"] for row in grep.json["statements"]} == {True}
    often = dbtune(*ask, "--min-calls", "1000").ok()
    assert min(row["calls"] for row in often.json["statements"]) >= 1000
    nobody = dbtune(*ask, "--user", "nobody_at_all").ok()
    assert nobody.json["statements"] == []
    shown = dbtune(*ask[:4], "--user", "nobody_at_all").ok().out
    assert "no statement matches" in shown


def test_an_interval_reports_only_the_interval(busy: tuple[Postgres, str]) -> None:
    pg, name = busy
    stop = threading.Event()

    def load() -> None:
        with psycopg.connect(pg.dsn(name), autocommit=True) as db:
            while not stop.is_set():
                db.execute("SELECT id + 0 FROM orders WHERE id = 7")
                time.sleep(0.02)

    thread = threading.Thread(target=load)
    thread.start()
    try:
        result = dbtune(
            "slow-queries", pg.dsn(name), "--interval", "1500ms", "--database", name, "-f", "json"
        ).ok()
    finally:
        stop.set()
        thread.join()
    texts = [row["statement"] for row in result.json["statements"]]
    assert any("id + " in text for text in texts)
    assert not any("INSERT INTO events" in text for text in texts)
    window = result.json["summary"]["window_seconds"]
    assert window > 1
    lookup = statement(result, "id + ")
    assert 0 < lookup["calls"] <= 50 * window + 2
    assert lookup["calls_per_second"] == pytest.approx(lookup["calls"] / window, rel=0.01)


def test_without_privileges_what_is_hidden_is_said(busy: tuple[Postgres, str]) -> None:
    pg, name = busy
    pg.psql("DROP ROLE IF EXISTS plain; CREATE ROLE plain LOGIN PASSWORD 'p'")
    result = dbtune("slow-queries", pg.dsn(name, "plain", "p"), "-f", "json").ok()
    (skipped,) = (one for one in result.json["skipped"] if "other roles" in one["what"])
    assert skipped["remedy"].startswith('GRANT pg_read_all_stats TO "plain"')
    assert not any("events" in row["statement"] for row in result.json["statements"])
    strict = dbtune("slow-queries", pg.dsn(name, "plain", "p"), "--strict", "-f", "json")
    assert strict.code == 4


def test_a_schema_that_may_not_be_used_is_named_with_its_grant(
    database18: tuple[Postgres, str],
) -> None:
    pg, name = database18
    pg.psql('CREATE SCHEMA "Ext"; CREATE EXTENSION pg_stat_statements SCHEMA "Ext"', name)
    pg.psql("DROP ROLE IF EXISTS plain; CREATE ROLE plain LOGIN PASSWORD 'p'")
    ask = ("slow-queries", pg.dsn(name, "plain", "p"), "--interval", "200ms", "-f", "json")
    refused = dbtune(*ask).ok()
    remedy = next(s["remedy"] for s in refused.json["skipped"] if "Ext" in s["reason"])
    assert remedy == 'GRANT USAGE ON SCHEMA "Ext" TO "plain";'
    pg.psql(remedy, name)
    assert dbtune(*ask).ok().json["summary"]["sampled"] is False


def test_pg_monitor_is_enough(busy: tuple[Postgres, str]) -> None:
    pg, name = busy
    pg.psql("DROP ROLE IF EXISTS watcher")
    pg.psql("CREATE ROLE watcher LOGIN PASSWORD 'w' IN ROLE pg_monitor")
    result = dbtune(
        "slow-queries", pg.dsn(name, "watcher", "w"), "-f", "json", "--database", name
    ).ok()
    assert result.json["skipped"] == []
    assert statement(result, "INSERT INTO events")["calls"] == 6000


def test_the_exit_code_follows_fail_on(busy: tuple[Postgres, str]) -> None:
    pg, name = busy
    ask = ("slow-queries", pg.dsn(name), "--database", name, "-q")
    assert dbtune(*ask).code == 0
    assert dbtune(*ask, "--fail-on", "warning").code == 1
    assert dbtune(*ask, "--fail-on", "critical").code == 0


def test_through_pgbouncer_nothing_is_left_behind(
    database18: tuple[Postgres, str], pgbouncer: Callable[[], PgBouncer]
) -> None:
    pg, name = database18
    pg.psql("CREATE EXTENSION pg_stat_statements", name)
    pooler = pgbouncer().start_for(pg, default_pool_size=1)
    result = dbtune("slow-queries", pooler.dsn(name), "--interval", "300ms", "-f", "json").ok()
    assert result.json["target"]["server"].startswith("PostgreSQL 18")
    with psycopg.connect(pooler.dsn(name), autocommit=True, prepare_threshold=None) as db:
        left = db.execute(
            "SELECT name FROM pg_settings WHERE source = 'session' AND name IN "
            "('statement_timeout', 'lock_timeout', 'search_path', 'transaction_read_only')"
        ).fetchall()
    assert left == []


def test_pgbouncers_admin_console_is_told_apart(
    pg18: Postgres, pgbouncer: Callable[[], PgBouncer]
) -> None:
    pooler = pgbouncer().start_for(pg18)
    result = dbtune("slow-queries", pooler.admin_dsn)
    assert result.code == 2
    assert "admin console" in result.err


def test_on_a_hot_standby(new_pg: Callable[[], Postgres]) -> None:
    primary = new_pg().start()
    primary.psql("CREATE EXTENSION pg_stat_statements")
    with primary.standby() as standby:
        primary.wait_for_standby(standby)
        standby.psql("SELECT 12345 AS on_the_standby")
        result = dbtune("slow-queries", standby.dsn(), "-f", "json").ok()
        assert result.json["target"]["role"] == "standby"
        assert statement(result, "on_the_standby")["calls"] == 1


def test_over_tls(new_pg: Callable[[int], Postgres]) -> None:
    server = new_pg(15).start(tls=True)
    server.psql("CREATE EXTENSION pg_stat_statements")
    dbtune("slow-queries", server.dsn(sslmode="require"), "-f", "json").ok()


def test_without_the_extension_activity_is_sampled_and_the_way_out_is_said(
    database18: tuple[Postgres, str],
) -> None:
    pg, name = database18
    secret = "SELECT pg_sleep(600), 'topsecret'"
    with pg.connect(name) as session, running(session, secret):
        asleep = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND pid = "
        while not pg.psql(f"{asleep}{session.info.backend_pid}")[0][0]:
            time.sleep(0.02)
        result = dbtune("slow-queries", pg.dsn(name), "--interval", "1s", "-f", "json").ok()
    assert result.json["summary"]["sampled"] is True
    row = statement(result, "pg_sleep")
    assert row["statement"] == "SELECT pg_sleep(?), ?"
    assert row["waits"][0].startswith("Timeout:PgSleep")
    watched_ms = 1000 * result.json["summary"]["window_seconds"]
    assert row["total_ms"] == pytest.approx(watched_ms, rel=0.5)
    (skipped,) = result.json["skipped"]
    assert "CREATE EXTENSION pg_stat_statements" in skipped["remedy"]
    assert "topsecret" not in result.out


def test_a_server_that_has_not_loaded_it_is_told_how(new_pg: Callable[[], Postgres]) -> None:
    server = new_pg().start({"shared_preload_libraries": "auto_explain"}, preload=())
    server.psql("CREATE EXTENSION pg_stat_statements")  # created, but not loaded
    result = dbtune("slow-queries", server.dsn(), "--interval", "200ms", "-f", "json").ok()
    (skipped,) = result.json["skipped"]
    assert "'auto_explain', 'pg_stat_statements'" in skipped["remedy"]
    server.psql(skipped["remedy"].split("\n")[0])
    server.restart()
    again = dbtune("slow-queries", server.dsn(), "-f", "json").ok()
    assert again.json["skipped"] == []


def test_evictions_and_a_reset_are_noted(new_pg: Callable[[], Postgres]) -> None:
    server = new_pg().start({"pg_stat_statements.max": "100"})
    server.psql("CREATE EXTENSION pg_stat_statements")
    with server.connect() as db:
        for number in range(250):
            db.execute(f"SELECT 1{', 1' * number}".encode())
    result = dbtune("slow-queries", server.dsn(), "-f", "json").ok()
    assert any("evicted" in note for note in result.json["notes"])
    with meanwhile(lambda: server.psql("SELECT pg_stat_statements_reset()")):
        reset = dbtune("slow-queries", server.dsn(), "--interval", "100ms", "-f", "json").ok()
    assert any("reset meanwhile" in note for note in reset.json["notes"])


def test_nothing_is_written_and_no_lock_is_waited_for(database18: tuple[Postgres, str]) -> None:
    pg, name = database18
    pg.psql("CREATE EXTENSION pg_stat_statements", name)
    before = pg.psql("SELECT pg_current_xact_id()::text::bigint")[0][0]
    with pg.connect(name) as blocker, blocker.transaction():
        blocker.execute("LOCK TABLE pg_catalog.pg_extension IN ACCESS EXCLUSIVE MODE")
        dbtune("slow-queries", pg.dsn(name), "--interval", "200ms")  # ends before the lock does
    after = pg.psql("SELECT pg_current_xact_id()::text::bigint")[0][0]
    assert after - before <= 2, "only the two measurements took a transaction number"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--by", "size"), "--by"),
        (("--limit", "0"), "--limit"),
        (("--interval", "soon"), "not a duration"),
        (("--grep", "(("), "not a regular expression"),
        (("--format", "xml"), "--format"),
        (("--frobnicate",), "--frobnicate"),
    ],
)
def test_mistakes_are_one_clear_sentence(arguments: tuple[str, ...], problem: str) -> None:
    result = dbtune("slow-queries", "postgresql://nobody@127.0.0.1:1/x", *arguments)
    assert result.code == 2
    assert problem in result.err
    assert "Traceback" not in result.err
    assert result.out == ""
