"""``dbtune activity``: sessions as they are, and ending one that was shown."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
import pytest

from tests.command import Result, dbtune
from tests.health import running, until_blocked
from tests.servers import MongoDB, PgBouncer, Postgres, Redis, fresh_database


def look(url: str, *more: str) -> Result:
    return dbtune("activity", url, "--once", "--every", "0s", "-f", "json", *more).ok()


@contextmanager
def blocking(server: Postgres, name: str) -> Iterator[tuple[int, int, int]]:
    """A transaction that holds a row, who waits for it, and who waits for that one: their pids."""
    server.psql("CREATE TABLE t (id int PRIMARY KEY, note text)", name)
    server.psql("INSERT INTO t VALUES (1, 'a')", name)
    with (
        suppress(psycopg.OperationalError),  # it may have been ended meanwhile
        server.connect(name) as holder,
        server.connect(name) as first,
        server.connect(name) as second,
    ):
        holder.execute("SET application_name = 'holder [red]'")
        holder.execute("BEGIN")
        holder.execute("UPDATE t SET note = 'geheim' WHERE id = 1")
        with running(first, "ALTER TABLE t ADD x int"):
            until_blocked(server, first.info.backend_pid)
            with running(second, "SELECT * FROM t WHERE note = 'geheim'"):
                until_blocked(server, second.info.backend_pid)
                yield tuple(one.info.backend_pid for one in (holder, first, second))  # type: ignore[misc]


def test_who_waits_for_whom(any_database: tuple[Postgres, str]) -> None:
    server, name = any_database
    with blocking(server, name) as (holder, first, second):
        result = look(server.dsn(name))
        assert "geheim" not in result.out
        data = result.json
        tree = {row["pid"]: row for row in data["blocking"]}
        assert [tree[pid]["depth"] for pid in (holder, first, second)] == [0, 1, 2]
        assert tree[holder]["blocked"] == 2
        assert tree[holder]["frees"] == f"SELECT pg_terminate_backend({holder});"
        assert tree[second]["root_pid"] == holder
        assert tree[second]["statement"] == "SELECT * FROM t WHERE note = ?"
        assert {row["pid"] for row in data["locks"]} >= {first, second}
        sessions = {row["pid"]: row for row in data["sessions"]}
        assert sessions[holder]["state"] == "idle in transaction"
        assert sessions[first]["wait"] == "Lock:relation"
        [now] = data["now"]
        assert now["blocked"] >= 2
        waits = {row["wait"] for row in data["waits"]}
        assert "Lock:relation" in waits
        for width in ("80", "200"):
            shown = dbtune(
                *("activity", server.dsn(name), "--once", "--every", "0s"),
                env={"COLUMNS": width},
            ).ok()
            assert f"to free them: SELECT pg_terminate_backend({holder});" in shown.out
            looked_at = shown.out.partition("Not examined")[0]  # SQL to paste is not wrapped
            assert max(map(len, looked_at.splitlines())) <= int(width)
        server.psql(tree[holder]["frees"])
    assert "blocking" not in look(server.dsn(name)).json


def test_a_role_that_sees_nothing_of_others(any_database: tuple[Postgres, str]) -> None:
    server, name = any_database
    server.psql("DROP ROLE IF EXISTS onlooker; CREATE ROLE onlooker LOGIN PASSWORD 'p'")
    try:
        with blocking(server, name) as (holder, *_):
            found = look(server.dsn(name, "onlooker", "p"))
            skipped = {one["what"]: one for one in found.json["skipped"]}
            assert skipped["sessions"]["remedy"] == 'GRANT pg_monitor TO "onlooker";'
            strict = dbtune(
                *("activity", server.dsn(name, "onlooker", "p"), "--once", "--every", "0s"),
                "--strict",
            )
            assert strict.code == 4
            # What it may not see is not said to be idle.
            assert "all sessions are idle, of those that this role may see" in strict.out
            ended = dbtune(
                *("activity", "terminate", str(holder), server.dsn(name, "onlooker", "p"), "--yes")
            )
            assert ended.code == 2
            assert "pg_signal_backend" in ended.err
            server.psql("GRANT pg_monitor TO onlooker")
            seen = look(server.dsn(name, "onlooker", "p")).json
            assert seen["blocking"][0]["pid"] == holder
            assert "sessions" not in {one["what"] for one in seen["skipped"]}
    finally:
        server.psql("DROP ROLE onlooker")


def test_without_pg_stat_statements_it_says_how_to_have_it(
    new_pg: Callable[[int], Postgres],
) -> None:
    server = new_pg(18).start()
    found = dbtune("activity", server.dsn(), "--once", "--every", "0s", "-f", "json").ok()
    [missing] = [one for one in found.json["skipped"] if one["what"] == "pg_stat_statements"]
    assert "is loaded, but not created in this database" in missing["reason"]
    assert "CREATE EXTENSION pg_stat_statements" in missing["remedy"]


def test_statements_of_the_interval(new_pg: Callable[[int], Postgres]) -> None:
    server = new_pg(18).start({"shared_preload_libraries": "pg_stat_statements"})
    server.psql("CREATE EXTENSION pg_stat_statements")
    stop = threading.Event()

    def work() -> None:
        with server.connect() as busy:
            while not stop.is_set():
                busy.execute("SELECT pg_sleep(0.01), 'geheim'")

    thread = threading.Thread(target=work)
    thread.start()
    try:
        found = dbtune("activity", server.dsn(), "--once", "--every", "1s", "-f", "json").ok()
    finally:
        stop.set()
        thread.join()
    [top] = found.json["statements"]
    assert top["statement"] == "SELECT pg_sleep($1), $2"
    assert 0 < top["calls_per_second"] <= 100
    assert top["share_ratio"] == 1


def test_what_a_long_command_is_at(pg: Callable[[int], Postgres]) -> None:
    for version in (13, 18):
        server = pg(version)
        with fresh_database(server) as name:
            server.psql("CREATE TABLE t AS SELECT g AS i FROM generate_series(1, 10000) g", name)
            with server.connect(name) as other, server.connect(name) as builder:
                other.execute("BEGIN")
                other.execute("INSERT INTO t VALUES (1)")
                with running(builder, "CREATE INDEX CONCURRENTLY ON t (i)"):
                    until_blocked(server, builder.info.backend_pid)
                    [row] = look(server.dsn(name)).json["progress"]
            assert row["command"] == "CREATE INDEX CONCURRENTLY"
            assert row["object"] == "public.t"
            assert "waiting" in row["phase"]


def test_a_prepared_transaction_is_a_root(new_pg: Callable[[int], Postgres]) -> None:
    server = new_pg(18).start({"max_prepared_transactions": 2})
    server.psql("CREATE TABLE t (i int)")
    with server.connect() as one:
        one.execute("BEGIN")
        one.execute("LOCK t")
        one.execute("PREPARE TRANSACTION 'it''s'")
    with server.connect() as waiting, running(waiting, "SELECT * FROM t"):
        until_blocked(server, waiting.info.backend_pid)
        root = look(server.dsn()).json["blocking"][0]
    assert (root["pid"], root["state"]) == (0, "prepared transaction")
    server.psql(root["frees"])
    assert server.psql("SELECT count(*) FROM pg_prepared_xacts") == [(0,)]


def test_through_a_pooler_and_on_a_standby(
    new_pg: Callable[[int], Postgres], pgbouncer: Callable[[], PgBouncer]
) -> None:
    server = new_pg(18).start()
    pooler = pgbouncer().start_for(server, pool_mode="transaction")
    with server.connect() as sleeper, running(sleeper, "SELECT pg_sleep(60)"):
        rows = look(pooler.dsn()).json["sessions"]
        assert sleeper.info.backend_pid in [row["pid"] for row in rows]
        assert len(rows) == 1  # dbtune's own is not shown
    standby = server.standby()
    try:
        assert look(standby.dsn()).json["target"]["role"] == "standby"
    finally:
        standby.stop()


# ----------------------------------------------------------------------------- cancel, terminate


def test_cancel_and_terminate(any_database: tuple[Postgres, str]) -> None:
    server, name = any_database
    url = server.dsn(name)
    with server.connect(name) as one:
        pid = one.info.backend_pid
        idle = dbtune("activity", "cancel", str(pid), url, "--yes")
        assert idle.code == 2
        assert "executes nothing" in idle.err
        with running(one, "SELECT pg_sleep(600)"):
            unasked = dbtune("activity", "cancel", str(pid), url)
            assert unasked.code == 2
            assert "give --yes" in unasked.err
            done = dbtune("activity", "cancel", str(pid), url, "--yes", "-f", "json").ok()
            assert done.json["session"]["stopped"] is True
            assert done.json["session"]["statement"] == "SELECT pg_sleep(?)"
        assert one.execute("SELECT 1").fetchone() == (1,)
        began = next(row for row in open_sessions(server, name) if row[0] == pid)[1]
        other = dbtune(
            *("activity", "terminate", str(pid), url, "--yes"), "--began", "2020-01-01T00:00:00Z"
        )
        assert other.code == 2
        assert "is another session now" in other.err
        dbtune("activity", "terminate", str(pid), url, "--yes", "--began", began).ok()
        with pytest.raises(psycopg.OperationalError):
            one.execute("SELECT 1")
    gone = dbtune("activity", "terminate", str(pid), url, "--yes")
    assert gone.code == 2
    assert f"there is no process {pid}" in gone.err


def open_sessions(server: Postgres, name: str) -> list[tuple[Any, ...]]:
    return server.psql("SELECT pid, backend_start::text FROM pg_stat_activity", name)


def test_the_servers_own_processes_are_left_alone(pg18: Postgres) -> None:
    for pid, kind in pg18.psql(
        "SELECT pid, backend_type FROM pg_stat_activity WHERE backend_type <> 'client backend'"
    ):
        refused = dbtune("activity", "terminate", str(pid), pg18.dsn(), "--yes")
        assert refused.code == 2
        assert f"is a {kind}, no client's session" in refused.err
    for words in (("0",), ("x",), ()):
        assert dbtune("activity", "terminate", *words, "--url", pg18.dsn()).code == 2


def test_another_statement_than_the_one_shown_is_not_ended(pg18: Postgres) -> None:
    from dbtune.errors import UsageError
    from dbtune.postgres.activity.end import end
    from dbtune.profile import resolve
    from dbtune.session import open_postgres

    with pg18.connect() as one, open_postgres(resolve(pg18.dsn())) as session:
        one.execute("SELECT 1")

        def meanwhile(sentence: str) -> bool:
            one.execute("SELECT 2")
            return True

        with pytest.raises(UsageError, match="does something else by now"):
            end(session, one.info.backend_pid, "terminate", began=None, confirm=meanwhile)
        with pytest.raises(UsageError, match="nothing was done"):
            end(session, one.info.backend_pid, "terminate", began=None, confirm=lambda _: False)
        assert one.execute("SELECT 3").fetchone() == (3,)


# ------------------------------------------------------------------------------ live, other engines


def on_a_terminal(url: str, keys: bytes, *arguments: str) -> tuple[int, str]:
    """Run on a pseudo-terminal of 100 columns, hit keys after the first picture; what it shows."""
    controller, terminal = pty.openpty()
    env = {**os.environ, "COLUMNS": "100", "LINES": "40", "TERM": "xterm", "DATABASE_URL": url}
    process = subprocess.Popen(
        [sys.executable, "-m", "dbtune", *arguments],
        stdin=terminal, stdout=terminal, stderr=terminal, env=env, close_fds=True,
    )  # fmt: skip
    os.close(terminal)
    shown, deadline = b"", time.monotonic() + 120
    while time.monotonic() < deadline:
        ready, _, _ = select.select([controller], [], [], 0.2)
        if ready:
            try:
                shown += os.read(controller, 65536)
            except OSError:
                break
        if keys and b"q quits" in shown:
            os.write(controller, keys)
            keys = b""
    code = process.wait(120)
    os.close(controller)
    return code, shown.decode()


def test_the_live_view(pg18: Postgres) -> None:
    code, shown = on_a_terminal(pg18.dsn(), b"q", "activity", "--every", "0.2s")
    assert code == 0
    assert "q quits, space holds" in shown
    screen, _, left = shown.rpartition("\x1b[?1049l")
    assert screen.startswith("\x1b[?1049h")
    assert "connections" in left  # the last picture stays on the terminal
    code, shown = on_a_terminal(pg18.dsn(), b" ", "activity", "--every", "0.2s", "--duration", "1s")
    assert code == 0
    assert "held; space goes on" in shown


def test_looks_one_after_the_other(pg18: Postgres) -> None:
    found = dbtune(
        "activity", pg18.dsn(), "--duration", "0.5s", "--every", "0.2s", "-f", "ndjson"
    ).ok()
    lines = [json.loads(line) for line in found.out.splitlines()]
    assert sum(line["type"] == "header" for line in lines) >= 2
    assert dbtune("activity", pg18.dsn(), "--duration", "1s", "-f", "json").code == 2
    assert dbtune("activity", pg18.dsn(), "--duration", "1s", "--once").code == 2


@pytest.mark.parametrize(
    "format_", ["json", "ndjson", "csv", "markdown", "html", "sarif", "junit", "table"]
)
def test_every_format(pg18: Postgres, format_: str) -> None:
    dbtune("activity", pg18.dsn(), "--once", "--every", "0s", "-f", format_).ok()


def test_mongodb(mongodb: MongoDB) -> None:
    with mongodb.client() as client:
        client["shop"]["orders"].insert_many([{"a": n} for n in range(20)])
        slow = {"$where": "sleep(100) || true", "secret": {"$exists": False}}
        seen = threading.Event()

        def work() -> None:
            while not seen.is_set():
                list(client["shop"]["orders"].find(slow))

        thread = threading.Thread(target=work)
        thread.start()
        try:
            deadline = time.monotonic() + 120
            rows: list[Any] = []
            while not rows and time.monotonic() < deadline:
                rows = look(mongodb.url()).json["sessions"]
            assert rows[0]["database"] == "shop"
            assert "sleep(100)" not in rows[0]["statement"]
        finally:
            seen.set()
            thread.join()


def test_redis(redis_server: Redis) -> None:
    with redis_server.client() as client:
        client.client_setname("worker")
        thread = threading.Thread(target=lambda: client.blpop(["queue"], 600))
        thread.start()
        try:
            deadline = time.monotonic() + 120
            rows: list[Any] = []
            while time.monotonic() < deadline:
                rows = look(redis_server.url()).json["sessions"]
                if any(row["state"] == "blocked" for row in rows):
                    break
            [row] = [row for row in rows if row["state"] == "blocked"]
            assert (row["application"], row["statement"]) == ("worker", "blpop")
        finally:
            with redis_server.client() as other:
                other.rpush("queue", "x")
            thread.join()
    wrong = dbtune("activity", "cancel", "1", redis_server.url(), "--yes")
    assert wrong.code == 2
    assert re.search(r"needs? PostgreSQL", wrong.err)
