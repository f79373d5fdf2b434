"""bench pool on real servers, for moments: what it says and what it leaves behind, not how fast."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import psycopg
import pytest

from dbtune.postgres.bench.pooler import PrivatePgBouncer
from dbtune.postgres.bench.scratch import PREFIX
from dbtune.profile import profile_from_url
from dbtune.session import Limits
from tests import servers
from tests.command import dbtune
from tests.conftest import missing
from tests.health import eventually
from tests.servers import PgBouncer, Postgres

CAREFUL = (
    "--duration",
    "1",
    "--warm-up",
    "0",
    "--rounds",
    "1",
    "--clients",
    "6",
    "--interval",
    "0s",
)
BRIEF = (*CAREFUL, "--allow-busy")


@pytest.fixture(scope="module")
def quiet_server() -> Iterator[Postgres]:
    """A server that nobody else uses."""
    if servers.find_pgbouncer() is None:
        missing("pgbouncer")
    if 18 not in servers.builds():
        missing("PostgreSQL 18")
    with Postgres(18).start({"max_connections": 40}) as server:
        server.psql("CREATE EXTENSION pg_stat_statements")
        yield server


@pytest.fixture
def staging(quiet_server: Postgres, tmp_path: Path) -> tuple[Postgres, dict[str, str]]:
    """That server, and the environment in which profile s leads to it."""
    quiet_server.psql("DROP TABLE IF EXISTS t")
    quiet_server.psql("SELECT pg_stat_statements_reset()")
    return quiet_server, profile_of(quiet_server, tmp_path, "staging")


def test_a_pool_that_was_measured_keeps_no_connection(quiet_server: Postgres) -> None:
    """Each size is measured with the server's connections for itself."""
    profile = profile_from_url(quiet_server.dsn(), "test")

    def open_now() -> list[dict[str, Any]]:
        rows = quiet_server.psql(
            "SELECT pid FROM pg_stat_activity "
            "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
        return [{"pid": row[0]} for row in rows]

    with PrivatePgBouncer(profile, Limits(5, 5.0), range(1, 4), 5, ()) as pooler:
        with psycopg.connect(**pooler.keywords(3), autocommit=True) as client:
            client.execute("SELECT 1")
        assert len(open_now()) == 1
        pooler.empty(3)
        assert eventually(open_now, there=False) == []
        with psycopg.connect(**pooler.keywords(3), autocommit=True) as client:
            client.execute("SELECT 1")  # and it can be used again


def profile_of(server: Postgres, folder: Path, tag: str) -> dict[str, str]:
    path = folder / "dbtune.yaml"
    path.write_text(f"profiles:\n  s:\n    url: {server.dsn()}\n    tags: [{tag}]\n")
    path.chmod(0o600)
    return {"DBTUNE_CONFIG": str(path)}


def schemas(server: Postgres) -> list[str]:
    rows = server.psql(f"SELECT nspname FROM pg_namespace WHERE nspname LIKE '{PREFIX}%'")
    return [row[0] for row in rows]


def script(folder: Path, text: str) -> str:
    path = folder / "script.sql"
    path.write_text(text)
    return str(path)


def test_a_script_by_size(staging: tuple[Postgres, dict[str, str]], tmp_path: Path) -> None:
    _, env = staging
    file = script(tmp_path, "\\set n random(1, 9)\nSELECT :n + count(*) FROM pg_class;\n")
    arguments = ("bench", "pool", "s", "--file", file, *BRIEF, "--sizes", "1,5", "-f", "json")
    said = dbtune(*arguments, env=env).ok().json
    jsonschema.validate(said, dbtune("schema", "bench pool").ok().json)
    assert [row["pool_size"] for row in said["sizes"]] == [1, 5]
    for row in said["sizes"]:
        assert row["transactions_per_second"] > 0
        assert 0 < row["p50_ms"] <= row["p95_ms"] <= row["p99_ms"]
    assert max(row["throughput_ratio"] for row in said["sizes"]) == 1
    assert said["result"]["pool_size"] in (1, 5)
    assert said["result"]["client_cpus"] > 0
    assert said["result"]["predicted_size"] is None
    assert any("fewer than 3 rounds" in note for note in said["notes"])


def test_pools_have_their_sizes(staging: tuple[Postgres, dict[str, str]], tmp_path: Path) -> None:
    """Six clients that sleep: twice the connections do twice as much, and wait half as long."""
    _, env = staging
    file = script(tmp_path, "SELECT pg_sleep(0.05);\n")
    arguments = ("bench", "pool", "s", "--file", file, *BRIEF, "--sizes", "1,6", "-f", "json")
    one, six = dbtune(*arguments, env=env).ok().json["sizes"]
    assert one["transactions_per_second"] < 21
    assert one["p50_ms"] > 200
    assert six["transactions_per_second"] > one["transactions_per_second"]


def test_the_load_is_observed_and_pool_size_predicts(
    staging: tuple[Postgres, dict[str, str]], tmp_path: Path
) -> None:
    _, env = staging
    file = script(tmp_path, "SELECT pg_sleep(0.02) FROM pg_class LIMIT 1;\n")
    arguments = ("bench", "pool", "s", "--file", file, *BRIEF, "--interval", "2s", "-f", "json")
    said = dbtune(*arguments, env=env).ok().json
    # Nothing but waiting: more than there are clients to fill it.
    assert said["result"]["predicted_size"] > 6
    assert said["rules"][0]["rule"] == "dbtune pool-size"
    assert said["rules"][0]["pool_size"] == 6
    assert any("6 clients fill" in note for note in said["notes"])
    assert {row["pool_size"] for row in said["rules"]} <= {
        row["pool_size"] for row in said["sizes"]
    }


@pytest.mark.parametrize("workload", ["tpcb", "hotrow"])
def test_scratch_tables_are_made_and_removed(
    staging: tuple[Postgres, dict[str, str]], workload: str
) -> None:
    server, env = staging
    arguments = ("bench", "pool", "s", "--workload", workload, "--scale", "1", *BRIEF)
    refused = dbtune(*arguments, env=env)
    assert refused.code == 2
    assert "--allow-write" in refused.err
    said = dbtune(*arguments, "--allow-write", "--sizes", "2", "-f", "json", env=env).ok().json
    assert said["sizes"][0]["transactions_per_second"] > 0
    assert schemas(server) == []


def test_statements_of_the_workload(staging: tuple[Postgres, dict[str, str]]) -> None:
    server, env = staging
    server.psql("CREATE TABLE t AS SELECT i, 'name ' || i AS name FROM generate_series(1, 1000) i")
    server.psql("ANALYZE t")
    for number in range(5):
        server.psql(f"SELECT name FROM t WHERE i = {number}")
    server.psql("UPDATE t SET name = 'x' WHERE i = 1")
    server.psql("SELECT pg_sleep(0), count(*) FROM t")
    server.psql("SELECT 'a\\b' || max(name) FROM t")
    arguments = ("bench", "pool", "s", *BRIEF, "--sizes", "2", "-f", "json")
    said = dbtune(*arguments, env=env).ok().json
    assert said["sizes"][0]["transactions_per_second"] > 0
    notes = "\n".join(said["notes"])
    assert "reading statement" in notes
    assert "calling functions that may act" in notes
    assert "writing" in notes
    assert server.psql("SELECT name FROM t WHERE i = 1") == [("x",)]


def test_a_script_cannot_write(staging: tuple[Postgres, dict[str, str]], tmp_path: Path) -> None:
    server, env = staging
    server.psql("CREATE TABLE t (n int)")
    file = script(tmp_path, "INSERT INTO t VALUES (1);\n")
    result = dbtune("bench", "pool", "s", "--file", file, *BRIEF, "--sizes", "2", env=env)
    assert result.code == 3
    assert "read-only transaction" in result.err
    assert server.psql("SELECT * FROM t") == []


def test_nobody_is_loaded_without_being_asked(
    staging: tuple[Postgres, dict[str, str]], tmp_path: Path
) -> None:
    server, _ = staging
    file = script(tmp_path, "SELECT 1;\n")
    production = profile_of(server, tmp_path, "prod")
    arguments = ("bench", "pool", "s", "--file", file, *BRIEF, "--sizes", "2")
    refused = dbtune(*arguments, env=production)
    assert refused.code == 2
    assert "--yes" in refused.err
    assert "6 clients" in refused.err
    dbtune(*arguments, "--yes", env=production).ok()


def test_statements_are_not_tried_out_before(
    staging: tuple[Postgres, dict[str, str]], tmp_path: Path
) -> None:
    server, _ = staging
    server.psql("CREATE TABLE t AS SELECT 1 AS n")
    server.psql("SELECT max(n) FROM t")
    refused = dbtune("bench", "pool", "s", *BRIEF, env=profile_of(server, tmp_path, "prod"))
    assert refused.code == 2
    assert "--yes" in refused.err
    calls = "SELECT calls FROM pg_stat_statements WHERE query LIKE 'SELECT max%'"
    assert server.psql(calls) == [(1,)]


def test_others_are_left_alone(staging: tuple[Postgres, dict[str, str]], tmp_path: Path) -> None:
    server, env = staging
    file = script(tmp_path, "SELECT 1;\n")
    arguments = ("bench", "pool", "s", "--file", file, *CAREFUL, "--sizes", "2")
    with psycopg.connect(server.dsn()) as other:
        other.execute("SELECT 1")  # stays in its transaction
        refused = dbtune(*arguments, env=env)
        assert refused.code == 2
        assert "others use s: 1 busy on average" in refused.err
        dbtune(*arguments, "--allow-busy", env=env).ok()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_leaves_nothing(
    staging: tuple[Postgres, dict[str, str]], tmp_path: Path, number: signal.Signals
) -> None:
    server, env = staging
    scratch = Path("/tmp") / f"b{secrets.token_hex(4)}"  # short enough for a socket
    scratch.mkdir(mode=0o711)
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "dbtune", "bench", "pool", "s", "--workload", "tpcb"),
            *("--allow-write", "--scale", "1", "--duration", "60", "--interval", "0s"),
            *("--allow-busy", "--clients", "8"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **env, "TMPDIR": str(scratch)},
    )
    try:
        busy = "SELECT count(*) > 0 FROM pg_stat_activity WHERE application_name = 'dbtune bench'"
        assert eventually(lambda: server.psql(busy)[0][0], there=True)
        process.send_signal(number)
        out, err = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 130, err
    assert out == ""
    assert "Traceback" not in err
    assert schemas(server) == []
    assert not eventually(lambda: server.psql(busy)[0][0], there=False)
    assert list(scratch.iterdir()) == []
    scratch.rmdir()


def test_through_a_pooler_it_refuses(
    staging: tuple[Postgres, dict[str, str]], pgbouncer: object, tmp_path: Path
) -> None:
    server, _ = staging
    bouncer: PgBouncer = pgbouncer().start_for(server)  # type: ignore[operator]
    file = script(tmp_path, "SELECT 1;\n")
    result = dbtune("bench", "pool", bouncer.dsn(), "--yes", "--file", file, *BRIEF)
    assert result.code == 2
    assert "the server itself" in result.err


def test_missing_programs_are_named(
    staging: tuple[Postgres, dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, env = staging
    file = script(tmp_path, "SELECT 1;\n")
    arguments = ("bench", "pool", "s", "--file", file, *BRIEF)
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "which", lambda *_, **__: None)
        result = dbtune(*arguments, env=env)
        assert result.code == 2
        assert "pip install 'dbtune[lab]'" in result.err
    with monkeypatch.context() as patched:
        patched.setattr("dbtune.postgres.bench.pool.find_pgbench", lambda: "pgbench")
        patched.setattr(shutil, "which", lambda *_, **__: None)
        result = dbtune(*arguments, env=env)
        assert result.code == 2
        assert "apt install pgbouncer" in result.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--sizes", "4,many"), "write for example"),
        (("--sizes", "0"), "write for example"),
        (("--workload", "tpcb", "--file", "x.sql"), "give --file or --workload, not both"),
        (("--file", "/nonexistent.sql"), "can't be read"),
    ],
)
def test_mistakes(
    staging: tuple[Postgres, dict[str, str]], arguments: tuple[str, ...], words: str
) -> None:
    _, env = staging
    result = dbtune("bench", "pool", "s", *arguments, env=env)
    assert result.code == 2
    assert words in result.err
    assert result.out == ""


def test_bench_alone_says_what_there_is() -> None:
    result = dbtune("bench")
    assert result.code == 2
    assert "pool, writes, index or cache" in result.err
    assert "bench writes" in dbtune("bench", "--help").ok().out
