"""The servers of tests/servers.py start, answer, and leave nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pymongo.errors
import pytest
import redis

from tests import servers
from tests.servers import (
    MongoDB,
    PgBouncer,
    Postgres,
    Redis,
    Server,
    ServerFailed,
    fresh_database,
    try_start,
)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def stopped_without_trace(server: Server) -> bool:
    """Stop a server; whether its process, its folder and its listener are gone."""
    pid, folder = server.pid, server.folder
    assert alive(pid)
    assert folder.is_dir()
    server.stop()
    server.stop()
    return not (alive(pid) or folder.exists() or server.running or servers._listens(server.port))


def test_postgres_answers(any_pg: Postgres) -> None:
    major = int(any_pg.psql("SHOW server_version_num")[0][0]) // 10000
    assert major == any_pg.version
    with fresh_database(any_pg) as name, psycopg.connect(any_pg.dsn(name)) as connection:
        assert connection.execute("SELECT current_database()").fetchone() == (name,)
    assert not any_pg.psql(f"SELECT FROM pg_database WHERE datname = '{name}'")


def test_every_build_has_pg_stat_statements(any_database: tuple[Postgres, str]) -> None:
    pg, name = any_database
    pg.psql("CREATE EXTENSION pg_stat_statements", name)
    pg.psql("SELECT 4711", name)
    assert pg.psql("SELECT calls FROM pg_stat_statements WHERE query = 'SELECT $1'", name)


def test_postgres_leaves_nothing(new_pg: Callable[[int], Postgres]) -> None:
    assert stopped_without_trace(new_pg(18).start())


def test_postgres_wants_a_password_over_tcp_only(pg18: Postgres) -> None:
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(pg18.dsn(password="wrong"))
    with psycopg.connect(pg18.dsn(socket=True)) as connection:
        assert connection.info.host == str(pg18.folder)


def test_settings_outlast_a_restart(new_pg: Callable[[int], Postgres]) -> None:
    pg = new_pg(18).start({"work_mem": "7MB", "fsync": "on"}, preload=())
    port = pg.port
    assert pg.psql("SHOW work_mem; SHOW fsync") == [("on",)]
    assert pg.psql("SHOW shared_preload_libraries") == [("",)]
    pg.restart()
    assert (pg.psql("SHOW work_mem"), pg.port) == ([("7MB",)], port)
    pg.restart("work_mem = 9MB")
    assert pg.psql("SHOW work_mem") == [("9MB",)]
    assert "database system is shut down" in pg.log()


def test_standby_follows(pg: Callable[[int], Postgres]) -> None:
    for version in (13, 18):
        primary = pg(version)
        with fresh_database(primary) as name, primary.standby() as standby:
            primary.psql("CREATE TABLE t AS SELECT 1 AS a", name)
            primary.wait_for_standby(standby)
            assert standby.psql("SELECT pg_is_in_recovery()") == [(True,)]
            assert standby.psql("TABLE t", name) == [(1,)]
            assert stopped_without_trace(standby)


def test_tls_is_encrypted(new_pg: Callable[[int], Postgres]) -> None:
    pg = new_pg(15).start(tls=True)
    ca = str(servers.certificate().cert)
    with psycopg.connect(pg.dsn(sslmode="verify-full", sslrootcert=ca)) as connection:
        query = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        assert connection.execute(query).fetchone() == (True,)
    with pytest.raises(psycopg.OperationalError, match="no encryption"):
        psycopg.connect(pg.dsn(sslmode="disable"))


def test_a_bad_setting_is_reported(new_pg: Callable[[int], Postgres]) -> None:
    with pytest.raises(ServerFailed, match="no_such_setting"):
        new_pg(18).start({"no_such_setting": 1})


@pytest.mark.parametrize("version", servers.SUPPORTED)
def test_try_start(version: int, pg: Callable[[int], Postgres]) -> None:
    pg(version)  # skips when it is not installed
    good = try_start(version, {"work_mem": "8MB", "logging_collector": "on", "port": 1})
    assert good.ok
    assert good.settings["work_mem"][:2] == ("8192", "kB")
    assert (good.settings["work_mem"].sourcefile or "").endswith("candidate.conf")
    assert good.settings["port"].sourcefile is None
    bad = try_start(version, "work_mem = 8MB\nno_such_setting = 1\n")
    assert not bad.ok
    assert "no_such_setting" in bad.log
    assert not bad.settings
    # Well-formed, and refused all the same.
    assert "wal_level" in try_start(version, "wal_level = minimal").log
    again = try_start(version, "max_connections = 7", {"max_wal_senders": 2})
    assert [again.settings[name].setting for name in ("max_connections", "max_wal_senders")] == [
        "7",
        "2",
    ]


def test_try_start_is_quick(pg18: Postgres) -> None:
    try_start(18, "")
    began = time.monotonic()
    for number in range(5):
        assert try_start(18, {"work_mem": f"{number + 1}MB"}).ok
    assert time.monotonic() - began < 10


def test_pgbouncer(pg18: Postgres, pgbouncer: Callable[[], PgBouncer]) -> None:
    pg18.psql("DROP ROLE IF EXISTS app; CREATE ROLE app LOGIN PASSWORD 'app''s'")
    pooler = pgbouncer().start_for(pg18, users={"app": "app's"}, default_pool_size=3)
    for dsn, user in ((pooler.dsn(), "postgres"), (pooler.dsn("postgres", "app", "app's"), "app")):
        with psycopg.connect(dsn) as connection:
            assert connection.execute("SELECT current_user").fetchone() == (user,)
            assert connection.info.port == pooler.port
    assert {row["user"] for row in pooler.show("POOLS")} >= {"app", "postgres"}
    settings = {row["key"]: row["value"] for row in pooler.show("CONFIG")}
    assert (settings["default_pool_size"], settings["pool_mode"]) == ("3", "transaction")
    assert "login attempt" in pooler.log()
    assert stopped_without_trace(pooler)
    pg18.psql("DROP ROLE app")


def test_pgbouncer_with_a_text(pg18: Postgres, pgbouncer: Callable[[], PgBouncer]) -> None:
    ini = f"""\
[databases]
; a comment
shop = host={pg18.host} port={pg18.port} dbname=postgres user=postgres password={pg18.password}

[pgbouncer]
listen_port = 1
auth_type = trust
pool_mode = session
"""
    pooler = pgbouncer().start(ini, '"someone" ""\n')
    with psycopg.connect(pooler.dsn("shop", "someone")) as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("postgres",)
    with pytest.raises(ServerFailed, match="pool_mode"):
        pgbouncer().start(ini.replace("session", "sometimes"))


def test_redis(redis_server: Redis, new_redis: Callable[[], Redis]) -> None:
    with redis_server.client() as client:
        assert client.set("a", 1)
    server = new_redis().start({"maxmemory": "50mb"}, password="a b@c")
    with server.client() as client:
        assert client.config_get("maxmemory") == {"maxmemory": str(50 * 1024**2)}
    with (
        redis.Redis(port=server.port) as stranger,
        pytest.raises(redis.exceptions.AuthenticationError),
    ):
        stranger.ping()
    assert stopped_without_trace(server)
    with pytest.raises(ServerFailed, match="no_such_setting"):
        new_redis().start("no_such_setting 1")


def test_redis_tls(new_redis: Callable[[], Redis]) -> None:
    try:
        server = new_redis().start(tls=True)
    except ServerFailed as failed:
        if "Bad directive" in failed.log:
            pytest.skip("this build of Redis has no TLS")
        raise
    assert server.url().startswith("rediss://")
    with server.client() as client:
        assert client.ping()
    with redis.Redis(port=server.port) as plain, pytest.raises(redis.exceptions.ConnectionError):
        plain.ping()


def test_mongodb(mongodb: MongoDB, mongodb_rs: MongoDB) -> None:
    with mongodb.client() as client:
        assert "setName" not in client.admin.command("hello")
        client.shop.orders.insert_one({"a": 1})
    with mongodb_rs.client() as client:
        assert client.admin.command("hello")["setName"] == "rs0"
        client.shop.orders.insert_one({"a": 1})


@pytest.mark.parametrize("rs", [False, True])
def test_mongodb_with_users(rs: bool, new_mongodb: Callable[[], MongoDB]) -> None:
    server = new_mongodb().start(rs=rs, auth=True)
    with server.client() as client:
        assert client.shop.orders.count_documents({}) == 0
    with (
        pymongo.MongoClient[dict[str, object]](server.host, server.port) as stranger,
        pytest.raises(pymongo.errors.OperationFailure, match="auth"),
    ):
        stranger.shop.orders.count_documents({})
    assert stopped_without_trace(server)


def test_a_bad_argument_of_mongod_is_reported(new_mongodb: Callable[[], MongoDB]) -> None:
    with pytest.raises(ServerFailed, match="no-such-option"):
        new_mongodb().start("--no-such-option")


START_AND_WAIT = """
import sys, time
from tests.servers import *
started = [Postgres(18).start(), Redis().start()]
print(workspace().folder, *[server.pid for server in started], flush=True)
if sys.argv[1] == "wait":
    time.sleep(600)
"""


@pytest.mark.parametrize("how", [None, signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_of_a_process_that_ends(
    how: signal.Signals | None, pg18: Postgres, redis_server: Redis
) -> None:
    """Neither when it forgets to stop its servers nor when it is killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", START_AND_WAIT, "end" if how is None else "wait"],
        cwd=servers.REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    folder, *pids = process.stdout.readline().split()
    assert len(pids) == 2
    if how is not None:
        process.send_signal(how)
    process.communicate(timeout=120)
    deadline = time.monotonic() + 120
    while any(alive(int(pid)) for pid in pids) or Path(folder).exists():
        assert time.monotonic() < deadline, "something is left"
        time.sleep(0.05)


def test_unreadable_builds_are_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pg18: Postgres
) -> None:
    """As root, for servers that run as somebody else."""
    if os.getuid() != 0:
        pytest.skip("only root starts servers as another user")
    home = tmp_path / "home"
    (home / "build/bin").mkdir(parents=True)
    (home / "build.libs").mkdir()
    (home / "build/bin/tool").write_text("#!/bin/sh\necho runs\n")
    (home / "build/bin/tool").chmod(0o700)
    home.chmod(0o700)
    runnable = servers._readable(home / "build/bin/tool", home / "build")
    assert runnable != home / "build/bin/tool"
    assert subprocess.check_output([runnable], cwd="/", **servers.run_as()) == b"runs\n"
    assert (runnable.parents[2] / "build.libs").is_dir()
