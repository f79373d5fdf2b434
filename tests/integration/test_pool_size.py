"""pool-size as a user runs it: from options, and from real servers under a known load."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import jsonschema
import psycopg
import pytest

from dbtune.cli.pool_size import TABLES
from dbtune.render.document import schema as json_schema
from tests.command import dbtune
from tests.servers import PgBouncer, Postgres

FULL = (
    *("--rps", "1000", "--hold-time", "20ms", "--cpus", "8", "--wait-share", "70%"),
    *("--max-connections", "100", "--instances", "5", "--workers", "4"),
)

# ------------------------------------------------------------------------------------ from options


def test_hundred_connections_and_five_instances() -> None:
    said = (
        dbtune("pool-size", "--max-connections", "100", "--instances", "5", "-f", "json").ok().json
    )
    assert said["recommendation"]["instance_ceiling_connections"] == 16
    assert said["recommendation"]["default_pool_size"] is None
    assert any("--rps" in note for note in said["notes"])


def test_thousand_requests_of_20_ms() -> None:
    said = dbtune("pool-size", "--rps", "1000", "--hold-time", "20ms", "-f", "json").ok().json
    assert said["recommendation"]["busy_connections"] == 20


def test_json_follows_its_schema() -> None:
    schema = json_schema("pool-size", TABLES)
    jsonschema.validate(dbtune("pool-size", *FULL, "-f", "json").ok().json, schema)
    jsonschema.validate(dbtune("pool-size", "--cpus", "2", "-f", "json").ok().json, schema)


@pytest.mark.parametrize("width", [80, 200])
def test_for_people(width: int) -> None:
    out = dbtune("pool-size", *FULL, env={"COLUMNS": str(width)}).ok().out
    assert max(map(len, out.splitlines())) <= width
    for part in ("Recommendation", "Inputs", "Derivation", "What if", "formulas", "40"):
        assert part in out


@pytest.mark.parametrize("form", ["table", "json", "ndjson", "csv", "markdown"])
def test_every_format(form: str) -> None:
    assert "40" in dbtune("pool-size", *FULL, "--format", form).ok().out


def test_impossible_inputs_are_findings_and_can_fail_a_build() -> None:
    arguments = ("pool-size", *FULL, "--cpus", "2")
    said = dbtune(*arguments, "-f", "json").ok().json
    assert said["recommendation"]["default_pool_size"] is None
    assert [one["rule"] for one in said["findings"]] == ["pool.demand-over-capacity"]
    assert dbtune(*arguments, "--fail-on", "critical").code == 1
    assert dbtune("pool-size", *FULL, "--fail-on", "critical").code == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "nothing to derive sizes from"),
        (("--hold-time", "20"), "20ms or 20s"),
        (("--hold-time", "fast"), "not a duration"),
        (("--hold-time", "0ms"), "--hold-time must be between"),
        (("--rps", "0"), "--rps must be between"),
        (("--rps", "-5"), "--rps must be between"),
        (("--rps", "nan"), "--rps must be between"),
        (("--rps", "many"), "--rps"),
        (("--cpus", "0"), "--cpus must be between"),
        (("--wait-share", "100%"), "--wait-share must be between"),
        (("--wait-share", "half"), "not a share"),
        (("--margin", "1.5"), "--margin must be between"),
        (("--instances", "0"), "--instances must be between"),
        (("--max-connections", "1000000"), "--max-connections must be between"),
        (("--instance", "5"), "--instances"),
        (("redis://localhost",), "this needs postgresql"),
    ],
)
def test_mistakes(arguments: tuple[str, ...], words: str) -> None:
    result = dbtune("pool-size", *arguments)
    assert result.code == 2, result
    assert result.out == ""
    assert words in result.err


def test_rules_explain_the_checks() -> None:
    assert "pool.demand-over-capacity" in dbtune("rules").ok().out
    assert "CPUs" in dbtune("rules", "pool.demand-over-capacity").ok().out


# ------------------------------------------------------------------------------------ from servers


@contextlib.contextmanager
def load(url: str, statement: str, clients: int = 4) -> Iterator[Callable[[], float]]:
    """Clients that repeat a transaction; yields a function that tells their rate per second.

    The statement must touch a table: else PostgreSQL 15 and later don't report the transaction.
    """
    stop, done, started = threading.Event(), [0], time.monotonic()
    lock = threading.Lock()

    def client() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            while not stop.is_set():
                with connection.transaction():
                    connection.execute(statement.encode())
                with lock:
                    done[0] += 1

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    time.sleep(1.2)  # sessions report at most once a second
    try:
        yield lambda: done[0] / (time.monotonic() - started)
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_reads_limits_and_load(any_database: tuple[Postgres, str]) -> None:
    pg, name = any_database
    with load(pg.dsn(name), "SELECT pg_sleep(0.02) FROM pg_class LIMIT 1") as rate:
        arguments = ("pool-size", pg.dsn(name), "--interval", "3s", "-f", "json")
        said = dbtune(*arguments).ok().json
        actual = rate()
    inputs = {row["name"]: row for row in said["inputs"]}
    assert inputs["max_connections"]["value"] == int(pg.psql("SHOW max_connections")[0][0])
    assert inputs["max_connections"]["origin"] == "the server"
    measured = inputs["requests_per_second"]
    assert measured["origin"] == "pg_stat_database"
    # Sessions report once a second: the edges of the interval blur by as much.
    assert measured["value"] == pytest.approx(actual, rel=0.35)
    assert inputs["peak_factor"]["value"] == 2
    if pg.version < 14:
        (skipped,) = said["skipped"]
        assert skipped["what"] == "hold time"
        assert said["recommendation"]["busy_connections"] is None
        return
    assert said["skipped"] == []
    # Four clients do nothing but hold connections; how long also hangs on what else runs here.
    assert inputs["hold_time_ms"]["value"] == pytest.approx(4000 / actual, rel=0.35)
    assert inputs["wait_share"]["value"] > 0.8
    assert said["recommendation"]["busy_connections"] == pytest.approx(4, rel=0.35)
    assert said["target"]["server"].startswith(f"PostgreSQL {pg.version}.")


def test_work_on_the_cpu_is_told_from_waiting(database18: tuple[Postgres, str]) -> None:
    pg, name = database18
    statement = "SELECT count(*) FROM pg_class, generate_series(1, 500)"
    with load(pg.dsn(name), statement, clients=2):
        said = dbtune("pool-size", pg.dsn(name), "--interval", "3s", "-f", "json").ok().json
    inputs = {row["name"]: row for row in said["inputs"]}
    assert inputs["wait_share"]["value"] < 0.5


def test_options_override_what_was_read(database18: tuple[Postgres, str]) -> None:
    pg, name = database18
    started = time.monotonic()
    said = dbtune("pool-size", pg.dsn(name), *FULL, "-f", "json").ok().json
    assert time.monotonic() - started < 5  # nothing is left to observe
    inputs = {row["name"]: row for row in said["inputs"]}
    assert (inputs["max_connections"]["value"], inputs["max_connections"]["origin"]) == (
        100,
        "--max-connections",
    )
    assert inputs["superuser_reserved"]["origin"] == "the server"
    assert inputs["peak_factor"]["value"] == 1
    assert said["recommendation"]["default_pool_size"] == 40


def test_an_idle_server_gives_limits_only(database18: tuple[Postgres, str]) -> None:
    pg, name = database18
    time.sleep(1.5)  # what came before has been reported
    result = dbtune("pool-size", pg.dsn(name), "--interval", "1s", "-f", "json").ok()
    assert "share of waiting" in {row["what"] for row in result.json["skipped"]}
    assert dbtune("pool-size", pg.dsn(name), "--interval", "1s", "--strict").code == 4
    calm = dbtune("pool-size", pg.dsn(name), "--interval", "0s", "-f", "json").ok().json
    assert calm["skipped"] == []


def test_without_privileges_the_share_of_waiting_is_skipped(
    database18: tuple[Postgres, str],
) -> None:
    pg, name = database18
    role = f"nobody_{name}"
    pg.psql(f"CREATE ROLE {role} LOGIN PASSWORD 'x'")
    try:
        with load(pg.dsn(name), "SELECT pg_sleep(0.01) FROM pg_class LIMIT 1"):
            arguments = ("pool-size", pg.dsn(name, role, "x"), "--interval", "2s", "-f", "json")
            said = dbtune(*arguments).ok().json
            pg.psql(f"GRANT pg_monitor TO {role}")
            granted = dbtune(*arguments).ok().json
    finally:
        pg.psql(f"DROP ROLE {role}")
    (skipped,) = said["skipped"]
    assert skipped["what"] == "share of waiting"
    assert "pg_read_all_stats" in skipped["remedy"]
    assert said["recommendation"]["busy_connections"] > 1
    assert granted["skipped"] == []


def test_cpus_come_from_the_machine_where_the_server_is_here(
    database18: tuple[Postgres, str], tmp_path: Path
) -> None:
    pg, name = database18
    arguments = ("--interval", "0s", "-f", "json")
    said = dbtune("pool-size", pg.dsn(name), *arguments).ok().json
    cpus = next(row for row in said["inputs"] if row["name"] == "cpus")
    assert cpus["value"] > 0
    assert cpus["origin"].startswith("this machine")
    profiles = tmp_path / "dbtune.yaml"
    profiles.write_text(
        f"profiles:\n  prod:\n    url: {pg.dsn(name)}\n"
        "    cpus: 6\n    app_instances: 3\n    workers: 2\n"
    )
    profiles.chmod(0o600)
    env = {"DBTUNE_CONFIG": str(profiles)}
    said = dbtune("pool-size", "prod", *arguments, env=env).ok().json
    inputs = {row["name"]: (row["value"], row["origin"]) for row in said["inputs"]}
    assert inputs["cpus"] == (6, "profile prod")
    assert inputs["instances"] == (3, "profile prod")
    assert inputs["workers"] == (2, "profile prod")
    assert said["recommendation"]["default_pool_size"] == 24


def test_through_a_pooler(pg18: Postgres, pgbouncer: Callable[[], PgBouncer]) -> None:
    bouncer = pgbouncer().start_for(pg18, default_pool_size=5)
    said = dbtune("pool-size", bouncer.dsn(), "--interval", "1s", "-f", "json").ok().json
    inputs = {row["name"]: row for row in said["inputs"]}
    assert inputs["max_connections"]["origin"] == "the server"


def test_server_down() -> None:
    result = dbtune("pool-size", "postgresql://u@127.0.0.1:1/d")
    assert result.code == 3
    assert "Traceback" not in result.err
