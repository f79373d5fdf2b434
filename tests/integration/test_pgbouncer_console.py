"""PgBouncer's admin console as a target, on a real PgBouncer under a load that is known."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from dbtune.errors import TargetError
from dbtune.pgbouncer.load import observed
from dbtune.pgbouncer.session import Session
from dbtune.pooling.pooler import PoolerLoad
from dbtune.profile import profile_from_url
from dbtune.session import Limits
from tests.command import Result, dbtune
from tests.health import eventually
from tests.integration.test_pool_size import load
from tests.servers import PgBouncer, Postgres


def so_far(session: Session) -> PoolerLoad:
    """What a console tells at once."""
    return observed(session, 0, lambda *_: None)


SLEEP = "SELECT pg_sleep(0.05) FROM pg_class LIMIT 1"


@pytest.fixture
def bouncer(pg18: Postgres, pgbouncer: Callable[[], PgBouncer]) -> PgBouncer:
    """With room for four at once."""
    return pgbouncer().start_for(pg18, default_pool_size=4, max_client_conn=40)


def rules(result: Result) -> dict[str, Any]:
    """Findings by rule."""
    return {one["rule"]: one for one in result.json["findings"]}


def test_demand_through_pgbouncer(pg18: Postgres, pgbouncer: Callable[[], PgBouncer]) -> None:
    roomy = pgbouncer().start_for(pg18, default_pool_size=20)
    with load(roomy.dsn(), SLEEP, 6, pause=0.05) as driven:
        arguments = ("pool-size", roomy.admin_dsn, "--interval", "4s", "--cpus", "2")
        said = dbtune(*arguments, "-f", "json").ok().json
    busy, rate = driven.busy, driven.per_second
    measured = {row["name"]: row["value"] for row in said["measured"]}
    assert measured["per_second"] == pytest.approx(rate, rel=0.6)
    # BEGIN and COMMIT go the way, too: a connection is held for longer than the sleep.
    assert 45 < measured["hold_ms"] < 1.3 * 1000 * busy / rate
    assert measured["busy"] == pytest.approx(busy, rel=0.4)
    assert measured["wait_ms"] < 5
    (pool,) = said["pooler_pools"]
    assert pool["pool_size"] == 20
    assert pool["predicted_wait_mean_ms"] < 1
    assert said["target"]["engine"] == "pgbouncer"
    assert said["target"]["server"].startswith("PgBouncer 1.")
    assert said["recommendation"]["default_pool_size"] > measured["busy"]


def test_a_full_pool_is_told_from_a_slow_server(pg18: Postgres, bouncer: PgBouncer) -> None:
    arguments = ("pool-size", pg18.dsn(), "--pgbouncer", bouncer.admin_dsn, "--interval", "5s")
    with load(bouncer.dsn(), SLEEP, 12):
        said = dbtune(*arguments, "-f", "json").ok()
        health = dbtune("check", bouncer.admin_dsn, "--interval", "0s", "-f", "json")
    measured = {row["name"]: row for row in said.json["measured"]}
    # PgBouncer says that a transaction takes 150 ms; 100 of these are in its queue.
    assert 45 < measured["hold_ms"]["value"] < 120
    assert measured["wait_ms"]["value"] > measured["hold_ms"]["value"]
    assert measured["busy"]["value"] == pytest.approx(4, abs=0.4)
    assert measured["busy"]["high"] > 6  # who waits would be at work
    if "wait_share" in measured:  # which the server tells, if there is time for enough looks
        assert measured["wait_share"]["value"] > 0.8
    inputs = {row["name"]: row for row in said.json["inputs"]}
    assert inputs["max_connections"]["source"] == "the server"
    assert inputs["requests_per_second"]["source"] == "PgBouncer, SHOW STATS"
    assert "pool.demand-cut-off" in rules(said)
    assert "pool.pooler-missing" not in rules(said)
    assert "pgbouncer.waits-outweigh-work" in rules(health)


def test_waiting_for_locks_is_no_reason_for_a_larger_pool(
    pg18: Postgres, bouncer: PgBouncer, database18: tuple[Postgres, str]
) -> None:
    name = database18[1]
    pg18.psql("CREATE TABLE hot AS SELECT 1 AS n", name)
    with load(bouncer.dsn(name), "UPDATE hot SET n = n", 10, inside=0.05):
        arguments = ("--pgbouncer", bouncer.admin_dsn, "--interval", "3s", "-f", "json")
        said = dbtune("pool-size", pg18.dsn(name), *arguments).ok()
    assert {"pool.held-by-locks", "pool.queue-behind-blocked"} <= set(rules(said))


def test_clients_wait_and_no_server_answers(pgbouncer: Callable[[], PgBouncer]) -> None:
    lost = pgbouncer()
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        port = deaf.getsockname()[1]
        lost.start(
            f"[databases]\nshop = host=127.0.0.1 port={port}\n[pgbouncer]\nauth_type = trust\n"
            "stats_users = watcher\n",
            '"app" ""\n"watcher" ""\n',
        )
        console = f"postgresql://watcher@{lost.host}:{lost.port}/pgbouncer"

        def client() -> None:
            with contextlib.suppress(psycopg.Error):
                psycopg.connect(f"postgresql://app@{lost.host}:{lost.port}/shop")

        threading.Thread(target=client, daemon=True).start()

        def said() -> dict[str, Any]:
            return rules(dbtune("check", console, "--interval", "4s", "-f", "json"))

        assert eventually(
            lambda: [one for name, one in said().items() if name == "pgbouncer.servers-missing"],
            there=True,
        )
        lost.stop()


def test_a_healthy_console_has_no_finding_of_its_pools(bouncer: PgBouncer) -> None:
    result = dbtune("check", bouncer.admin_dsn, "--interval", "0s", "-f", "json")
    # What is left is about the version here, and a default.
    assert set(rules(result)) <= {"pgbouncer.version-vulnerable", "pgbouncer.queue-without-limit"}
    assert result.json["skipped"] == []
    with load(bouncer.dsn(), SLEEP, 2):
        once = dbtune("pool-size", bouncer.admin_dsn, "--interval", "0s", "-f", "json").ok().json
    assert once["pooler_pools"][0]["pool_size"] == 4
    assert "hold_ms" in {row["name"] for row in once["measured"]}
    idle = dbtune("pool-size", bouncer.admin_dsn, "--interval", "1s", "-f", "json").ok().json
    assert [one["what"] for one in idle["skipped"]] == ["demand of PgBouncer"]


def test_clients_by_application(
    pg18: Postgres, bouncer: PgBouncer, monkeypatch: pytest.MonkeyPatch
) -> None:
    hostile = "evil [bold red]|<b> '); --"
    with contextlib.ExitStack() as stack:
        for name in ["web"] * 6 + [hostile]:
            stack.enter_context(psycopg.connect(bouncer.dsn(), application_name=name))
        busy = stack.enter_context(psycopg.connect(bouncer.dsn(), application_name="web"))
        busy.execute("SELECT 1")  # and keeps its server connection
        ask = ("pool-size", bouncer.admin_dsn, "--interval", "1s")
        said = dbtune(*ask, "-f", "json").ok().json
        shown = dbtune(*ask, "--wide").ok().out
        monkeypatch.setattr("dbtune.pgbouncer.facts.clients.MOST_CLIENTS", 5)
        profile = profile_from_url(bouncer.admin_dsn, "x")
        with Session(profile, Limits(5, 5.0)) as session:
            many = so_far(session)
    rows = {row["application"]: row for row in said["pooler_clients"]}
    assert (rows["web"]["client_connections"], rows["web"]["served_connections"]) == (7, 1)
    assert rows["web"]["waiting_connections"] == rows["web"]["unused_connections"] == 0
    assert rows[hostile]["client_connections"] == 1
    assert hostile in shown
    # With more than are listed, nothing else is lost.
    assert many.applications == ()
    assert [one.what for one in many.skipped] == ["PgBouncer's clients"]
    assert many.pools.count == 1


def test_a_snapshot_of_a_console(bouncer: PgBouncer, tmp_path: Path) -> None:
    file = str(tmp_path / "console.json.gz")
    with load(bouncer.dsn(), SLEEP, 3):
        dbtune("snapshot", bouncer.admin_dsn, "--interval", "2s", "-o", file).ok()
    said = dbtune("pool-size", "--from", file, "-f", "json").ok().json
    measured = {row["name"]: row["value"] for row in said["measured"]}
    assert 1 < measured["busy"] <= 3
    assert said["pooler_pools"][0]["pool_size"] == 4
    checked = dbtune("check", "--from", file, "-f", "json").json
    assert {row["status"] for row in checked["checks"]} >= {"ok"}
    again = str(tmp_path / "again.json.gz")
    dbtune("snapshot", bouncer.admin_dsn, "-o", again).ok()
    compared = dbtune("compare", file, again)
    assert compared.code == 2
    assert "can't be compared" in compared.err


def test_who_may_not_look(pg18: Postgres, pgbouncer: Callable[[], PgBouncer]) -> None:
    bouncer = pgbouncer().start_for(pg18, users={"app": "x"}, stats_users="watcher")
    result = dbtune("pool-size", bouncer.dsn("pgbouncer", "app", "x"))
    assert result.code == 3
    assert "stats_users" in result.err
    assert "Traceback" not in result.err


def test_mistakes(pg18: Postgres, bouncer: PgBouncer) -> None:
    behind = dbtune("pool-size", pg18.dsn(), "--pgbouncer", bouncer.dsn(), "--interval", "1s")
    assert behind.code == 2
    assert "is not PgBouncer's admin console" in behind.err
    twice = dbtune("pool-size", bouncer.admin_dsn, "--pgbouncer", bouncer.admin_dsn)
    assert twice.code == 2
    assert "console itself" in twice.err
    other = dbtune("suggest-indexes", bouncer.admin_dsn)
    assert other.code == 2
    assert "admin console" in other.err
    unknown = dbtune("pool-size", pg18.dsn(), "--pgbouncer", "nowhere")
    assert unknown.code == 2
    assert "nowhere" in unknown.err


def test_a_profile_names_its_pooler(pg18: Postgres, bouncer: PgBouncer, tmp_path: Path) -> None:
    profiles = tmp_path / "dbtune.yaml"
    profiles.write_text(
        f"profiles:\n  prod:\n    url: {pg18.dsn()}\n    pgbouncer: console\n"
        f"  console:\n    url: {bouncer.admin_dsn}\n    engine: pgbouncer\n"
    )
    profiles.chmod(0o600)
    env = {"DBTUNE_CONFIG": str(profiles)}
    with load(bouncer.dsn(), SLEEP, 2):
        said = dbtune("pool-size", "prod", "--interval", "2s", "-f", "json", env=env).ok().json
    assert said["pooler_pools"][0]["pool_size"] == 4
    tested = dbtune("profile", "test", "console", "-f", "json", env=env).ok().json
    assert tested["target"]["engine"] == "pgbouncer"
    shown = dbtune("profile", "show", "prod", "-f", "json", env=env).ok().json
    assert {"key": "pgbouncer", "value": "console"}.items() <= next(
        row.items() for row in shown["settings"] if row["key"] == "pgbouncer"
    )
    text = profiles.read_text().replace("pgbouncer: console", f"pgbouncer: {bouncer.admin_dsn}")
    profiles.write_text(text)
    secret = dbtune("pool-size", "prod", env=env)
    assert secret.code == 2
    assert "make it a profile" in secret.err
    assert bouncer.password not in secret.err
    checked = dbtune("check", "console", "--interval", "0s", "-f", "json", env=env).json
    assert checked["target"]["server"].startswith("PgBouncer")


def test_a_console_that_does_not_answer(bouncer: PgBouncer) -> None:
    os.kill(bouncer.pid, signal.SIGSTOP)
    try:
        arguments = ("--connect-timeout", "2s", "--timeout", "1s")
        result = dbtune("check", bouncer.admin_dsn, *arguments)
        assert result.code == 3
        assert "Traceback" not in result.err
        assert bouncer.password not in result.err
    finally:
        os.kill(bouncer.pid, signal.SIGCONT)


def test_one_that_falls_silent(bouncer: PgBouncer) -> None:
    profile = replace(profile_from_url(bouncer.admin_dsn, "test"), name="console")
    with Session(profile, Limits(10, 2.0)) as session:
        assert [row["database"] for row in session.show("POOLS")] == ["pgbouncer"]
        os.kill(bouncer.pid, signal.SIGSTOP)
        try:
            with pytest.raises(TargetError, match="did not answer SHOW POOLS within"):
                session.show("POOLS")
        finally:
            os.kill(bouncer.pid, signal.SIGCONT)
        with pytest.raises(ValueError, match="not a reading command"):
            session.show("HELP; PAUSE")


def found(bouncer: PgBouncer, rule: str, *arguments: str) -> list[dict[str, Any]]:
    """The findings of a rule."""
    result = dbtune("check", bouncer.admin_dsn, "--only", rule, *arguments, "-f", "json")
    return [dict(one) for one in result.json["findings"]]


def test_an_exhausted_pool(bouncer: PgBouncer) -> None:
    rule = "pgbouncer.pool-exhausted"
    assert found(bouncer, rule, "--interval", "0s") == []
    with load(bouncer.dsn(), "SELECT pg_sleep(0.4) FROM pg_class LIMIT 1", 10):
        said = eventually(lambda: found(bouncer, rule, "--interval", "2s"), there=True)
    assert "clients wait for one of 4 connections" in said[0]["message"]


def test_hardly_room_for_another_client(pg18: Postgres, pgbouncer: Callable[[], PgBouncer]) -> None:
    rule = "pgbouncer.clients-near-limit"
    bouncer = pgbouncer().start_for(pg18, max_client_conn=8)
    assert found(bouncer, rule, "--interval", "0s") == []
    with contextlib.ExitStack() as stack:
        for _ in range(6):
            stack.enter_context(psycopg.connect(bouncer.dsn(), autocommit=True))
        assert found(bouncer, rule, "--interval", "0s")
    assert eventually(lambda: found(bouncer, rule, "--interval", "0s"), there=False) == []


def test_a_database_that_has_all_its_connections(
    pg18: Postgres, pgbouncer: Callable[[], PgBouncer]
) -> None:
    role = "console_other"
    pg18.psql(f"CREATE ROLE {role} LOGIN PASSWORD 'x'")
    try:
        bouncer = pgbouncer().start_for(
            pg18, users={role: "x"}, default_pool_size=5, max_db_connections=2
        )
        rule = "pgbouncer.database-limit-reached"
        with load(bouncer.dsn(), SLEEP, 2), load(bouncer.dsn("postgres", role, "x"), SLEEP, 2):
            said = eventually(lambda: found(bouncer, rule, "--interval", "2s"), there=True)
        assert "of 2 users wait" in said[0]["message"]
    finally:
        pg18.psql(f"DROP ROLE {role}")


def test_a_database_that_is_paused(bouncer: PgBouncer) -> None:
    rule = "pgbouncer.database-paused"
    with psycopg.connect(bouncer.dsn(), autocommit=True) as client:
        client.execute("SELECT 1")
        with psycopg.connect(bouncer.admin_dsn, autocommit=True) as console:
            console.execute("PAUSE postgres")
            (said,) = found(bouncer, rule, "--interval", "0s")
            console.execute(said["remedy"]["sql"].rstrip(";").encode())
        assert found(bouncer, rule, "--interval", "0s") == []


def test_anybody_may_come_in(pg18: Postgres, pgbouncer: Callable[[], PgBouncer]) -> None:
    open_ = pgbouncer().start_for(pg18, auth_type="trust")
    (said,) = found(open_, "pgbouncer.authentication-off", "--interval", "0s")
    assert said["level"] == "critical"


def eager(bouncer: PgBouncer, folder: Path, thresholds: str) -> str:
    """A folder's profiles: the console, with lower thresholds."""
    profiles = folder / "dbtune.yaml"
    profiles.write_text(
        f"profiles:\n  console:\n    url: {bouncer.admin_dsn}\n    engine: pgbouncer\n"
        f"    thresholds: {thresholds}\n"
    )
    profiles.chmod(0o600)
    return str(profiles)


def test_connections_that_clients_do_not_give_back(
    pg18: Postgres, pgbouncer: Callable[[], PgBouncer], tmp_path: Path
) -> None:
    bouncer = pgbouncer().start_for(pg18, default_pool_size=4, server_lifetime=1)
    kept = ("pgbouncer.connection-held", "pgbouncer.close-pending", "pgbouncer.lifetime-exceeded")
    limits = "{pgbouncer.connection-held: {min_seconds: 2}, pgbouncer.close-pending: "
    config = eager(bouncer, tmp_path, limits + "{min_seconds: 2}}")

    def said() -> dict[str, Any]:
        ask = ("check", "console", "--interval", "0s", "-f", "json")
        every = rules(dbtune(*ask, env={"DBTUNE_CONFIG": config}))
        return {name: every[name] for name in kept if name in every}

    with psycopg.connect(bouncer.dsn(), application_name="web <b>") as client:
        pid = str(client.execute("SELECT pg_backend_pid()").fetchall()[0][0])  # and left open
        assert "pgbouncer.close-pending" not in said()
        with psycopg.connect(bouncer.admin_dsn, autocommit=True) as console:
            console.execute("RECONNECT")
        found = eventually(lambda: [one] if len(one := said()) == 3 else [], there=True)[0]
        with socket.socket(fileno=os.dup(client.fileno())) as copy:
            place = "{}:{}".format(*copy.getsockname())
        for name in kept:
            assert str(found[name]["evidence"]["pid"]) == pid
            assert f"client web <b> at {place}" in found[name]["message"]
        client.commit()
        assert said() == {}


def test_connections_that_are_opened_all_the_time(
    pg18: Postgres, pgbouncer: Callable[[], PgBouncer]
) -> None:
    rule = "pgbouncer.servers-not-kept"
    anew = pgbouncer().start_for(pg18, default_pool_size=6, server_lifetime=1)
    with load(anew.dsn(), SLEEP, 6):
        (said,) = eventually(lambda: found(anew, rule, "--interval", "6s"), there=True)
    assert said["evidence"]["before"] >= 3
    steady = pgbouncer().start_for(pg18, default_pool_size=6)
    with load(steady.dsn(), SLEEP, 6):
        assert found(steady, rule, "--interval", "3s") == []
