"""pool-size as a user runs it: from options, and from real servers under a known load."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import jsonschema
import psycopg
import pytest

from dbtune.cli.invocation import Run
from dbtune.cli.pool_size import TABLES
from dbtune.render.document import schema as json_schema
from tests import servers
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
        (("--hold-time", "0ms"), "--hold-time must be between 0.000001ms and 86,400,000ms"),
        (("--rps", "0"), "--rps must be between 0.000001 and 1,000,000,000, not 0"),
        (("--rps", "-5"), "--rps must be between"),
        (("--rps", "nan"), "--rps must be between"),
        (("--rps", "many"), "--rps"),
        (("--cpus", "0"), "--cpus must be between"),
        (("--wait-share", "100%"), "--wait-share must be between"),
        (("--wait-share", "half"), "not a share"),
        (("--wait-share", "80"), "a percentage is written 80%"),
        (("--surge", "25"), "between 0 and 10, not 25: a percentage is written 25%"),
        (("--margin", "1.5"), "--margin must be between"),
        (("--instances", "0"), "--instances must be between"),
        (("--max-connections", "1000000"), "--max-connections must be between"),
        (("--instance", "5"), "--instances"),
        (("redis://localhost",), "pool-size is for PostgreSQL, PgBouncer and MongoDB"),
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


class Driven:
    """What the clients of a load have done while dbtune watched them."""

    def __init__(self) -> None:
        self.done, self.busy_seconds = 0, 0.0
        self.per_second = 0.0
        """Transactions in the interval."""
        self.busy = 0.0
        """Clients that waited for a transaction to end, on average in the interval."""
        self._lock = threading.Lock()

    def add(self, seconds: float) -> None:
        """One more transaction, and what it took."""
        with self._lock:
            self.done += 1
            self.busy_seconds += seconds

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Count what is done in dbtune's interval: on a busy machine it is not like any other."""
        wait = Run.wait

        def counted(run: Run, *arguments: Any, **options: Any) -> None:
            with self._lock:
                begun, done, busy = time.monotonic(), self.done, self.busy_seconds
            wait(run, *arguments, **options)
            with self._lock:
                seconds = time.monotonic() - begun
                self.per_second = (self.done - done) / seconds
                self.busy = (self.busy_seconds - busy) / seconds

        with mock.patch.object(Run, "wait", counted):
            yield


@contextlib.contextmanager
def load(
    url: str,
    statement: str,
    clients: int = 4,
    *,
    pause: float = 0,
    inside: float = 0,
    name: str = "load",
) -> Iterator[Driven]:
    """Clients that repeat a transaction, with a pause inside or behind it.

    The statement must touch a table: else PostgreSQL 15 and later don't report the transaction.
    """
    stop, connected, driven = threading.Event(), threading.Semaphore(0), Driven()

    def client() -> None:
        with psycopg.connect(
            url, autocommit=True, prepare_threshold=None, application_name=name
        ) as connection:
            connected.release()
            while not stop.is_set():
                begun = time.monotonic()
                with connection.transaction():
                    connection.execute(statement.encode())
                    time.sleep(inside)
                driven.add(time.monotonic() - begun)
                time.sleep(pause)

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for _ in threads:
        assert connected.acquire(timeout=120)
    time.sleep(1.2)  # sessions report at most once a second
    try:
        with driven.watched():
            yield driven
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_reads_limits_and_load(any_database: tuple[Postgres, str]) -> None:
    pg, name = any_database
    with load(pg.dsn(name), "SELECT pg_sleep(0.02) FROM pg_class LIMIT 1") as driven:
        arguments = ("pool-size", pg.dsn(name), "--interval", "3s", "-f", "json")
        said = dbtune(*arguments).ok().json
    actual = driven.per_second
    inputs = {row["name"]: row for row in said["inputs"]}
    assert inputs["max_connections"]["value"] == int(pg.psql("SHOW max_connections")[0][0])
    assert inputs["max_connections"]["source"] == "the server"
    measured = inputs["requests_per_second"]
    assert measured["source"] == "pg_stat_database"
    # Sessions report once a second: the edges of the interval blur by as much.
    assert measured["value"] == pytest.approx(actual, rel=0.35)
    assert inputs["peak_factor"]["value"] == 2
    assert said["skipped"] == []
    # Four clients do nothing but hold connections; how long also hangs on what else runs here.
    assert inputs["hold_time_ms"]["value"] == pytest.approx(4000 / actual, rel=0.35)
    assert inputs["wait_share"]["value"] > 0.8
    assert said["recommendation"]["busy_connections"] == pytest.approx(4, rel=0.35)
    assert said["target"]["server"].startswith(f"PostgreSQL {pg.version}.")


@pytest.mark.parametrize(("version", "seconds"), [(13, 4), (14, 4), (18, 11)])
def test_demand_is_that_of_a_load_that_is_known(
    pg: Callable[[int], Postgres], version: int, seconds: int
) -> None:
    server = pg(version)
    with servers.fresh_database(server) as name:
        sleepy = load(
            server.dsn(name), "SELECT pg_sleep(0.05) FROM pg_class LIMIT 1", 8, pause=0.05
        )
        with sleepy as driven:
            arguments = ("pool-size", server.dsn(name), "--interval", f"{seconds}s")
            said = dbtune(*arguments, "-f", "json").ok().json
    busy, rate = driven.busy, driven.per_second
    measured = {row["name"]: row for row in said["measured"]}
    # A client's view is a little longer than the server's: both ends of the way are in it.
    one = measured["busy"]
    low, high = one["low"], one["high"]
    if low is None:  # a slow machine: too few looks, so the counters of 14 and later are told
        assert version >= 14
        low, high = 0.7 * one["value"], 1.1 * one["value"]
    assert 0.9 * low <= busy <= 1.25 * high
    assert one["value"] < 8
    assert ("busy_peak" in measured) == (seconds > 10)
    assert measured.get("busy_peak", one)["value"] >= one["value"]
    assert measured["busy_p95"]["value"] <= 8
    assert 0.9 * measured["per_second"]["low"] <= rate <= 1.1 * measured["per_second"]["high"]
    held = {row["kind"]: row["share_ratio"] for row in said["use"]}
    assert held["other"] > 0.5  # pg_sleep waits for nothing that anybody could hurry
    sizes = said["recommendation"]
    assert one["value"] < sizes["default_pool_size"]
    if one["low"] is not None:
        # Within a few seconds the interval is wide, and the smallest size is that of its low end.
        assert one["low"] < sizes["smallest_pool_size"] <= sizes["default_pool_size"]
        assert sizes["default_pool_size"] <= sizes["largest_pool_size"]


def test_who_holds_connections_and_at_what(database18: tuple[Postgres, str]) -> None:
    pg, name = database18
    pg.psql("CREATE TABLE hot AS SELECT 1 AS n", name)
    hostile = "evil [bold red]|<b> '); --"
    with (
        load(pg.dsn(name), "UPDATE hot SET n = n", 3, inside=0.05, name="hot row"),
        load(pg.dsn(name), "SELECT 1 FROM hot", 1, inside=0.05, name=hostile),
        psycopg.connect(pg.dsn(name), application_name="leak") as leak,
        psycopg.connect(pg.dsn(name), application_name="spare", autocommit=True) as spare,
    ):
        leak.execute("SELECT 1")
        spare.execute("SELECT 1")
        time.sleep(0.1)
        arguments = ("pool-size", pg.dsn(name), "--interval", "3s")
        said = dbtune(*arguments, "-f", "json").ok().json
        shown = dbtune(*arguments, "--wide").ok().out  # at 80 columns a long name is cut
    rows = {row["application"]: row for row in said["pools"] if row["database"] == name}
    assert rows["leak"]["held_connections"] == 1
    assert rows["leak"]["client_ratio"] == 1
    assert rows["spare"]["held_connections"] == 0
    assert rows["spare"]["unused_connections"] == 1
    assert rows[None]["connections"] == pytest.approx(6, abs=0.2)
    assert 2.5 < rows["hot row"]["held_connections"] <= 3
    assert rows["hot row"]["client_ratio"] < 0.6  # one has the row, two wait for it
    assert {"lock", "client"} <= {row["kind"] for row in said["use"]}
    assert hostile in rows
    assert hostile in shown


def test_sessions_that_take_turns_at_a_lock_are_told_from_an_incident(
    any_database: tuple[Postgres, str],
) -> None:
    pg, name = any_database
    # Each takes ten seconds: rows on odd versions, advisory locks on even ones.
    kinds = ("SELECT pg_advisory_xact_lock(7) FROM hot", "UPDATE hot SET n = n")
    statement = kinds[pg.version % 2]
    pg.psql("CREATE TABLE hot AS SELECT 1 AS n", name)

    def locks() -> tuple[dict[str, object], list[str]]:
        ask = ("pool-size", pg.dsn(name), "--interval", "4s", "-f", "json")
        said = dbtune(*ask).ok().json
        (found,) = [one for one in said["findings"] if one["rule"] == "pool.held-by-locks"]
        return found, [step["symbol"] for step in said["derivation"]]

    with load(pg.dsn(name), statement, 6, inside=0.02):
        finding, steps = locks()
    turns = finding["evidence"]["turns_connections"]  # type: ignore[index]
    assert 2 <= turns <= 4
    assert f"a pool of {turns} of their own" in str(finding["remedy"])
    assert "turns" in steps
    with psycopg.connect(pg.dsn(name)) as stuck:
        stuck.execute(statement.encode())  # and it stays
        with load(pg.dsn(name), statement, 4):
            finding, steps = locks()
            stuck.rollback()
    assert finding["evidence"]["turns_connections"] is None  # type: ignore[index]
    assert "turns" not in steps


def test_a_snapshot_keeps_the_load(database18: tuple[Postgres, str], tmp_path: Path) -> None:
    pg, name = database18
    saved = tmp_path / "load.json.gz"
    with load(pg.dsn(name), "SELECT pg_sleep(0.02) FROM pg_class LIMIT 1"):
        dbtune("snapshot", pg.dsn(name), "--interval", "3s", "-o", str(saved)).ok()
    said = dbtune("pool-size", "--from", str(saved), "-f", "json").ok().json
    measured = {row["name"]: row for row in said["measured"]}
    assert measured["busy"]["value"] == pytest.approx(4, rel=0.35)
    assert said["recommendation"]["default_pool_size"] is not None
    again = dbtune("pool-size", "--from", str(saved), "--cpus", "64", "-f", "json").ok().json
    assert {row["name"]: row["value"] for row in again["inputs"]}["cpus"] == 64
    once = tmp_path / "once.json.gz"
    dbtune("snapshot", pg.dsn(name), "-o", str(once)).ok()
    said = dbtune("pool-size", "--from", str(once), "-f", "json").ok().json
    assert any("snapshot --interval" in note for note in said["notes"])


def test_work_on_the_cpu_is_told_from_waiting(database18: tuple[Postgres, str]) -> None:
    pg, name = database18
    statement = "SELECT count(*) FROM pg_class, generate_series(1, 500)"
    with load(pg.dsn(name), statement, clients=4):
        said = dbtune("pool-size", pg.dsn(name), "--interval", "6s", "-f", "json").ok().json
    inputs = {row["name"]: row for row in said["inputs"]}
    assert inputs["wait_share"]["value"] < 0.5


def test_options_override_what_was_read(database18: tuple[Postgres, str]) -> None:
    pg, name = database18
    with mock.patch.object(Run, "wait", side_effect=AssertionError("nothing is left to observe")):
        said = dbtune("pool-size", pg.dsn(name), *FULL, "-f", "json").ok().json
    inputs = {row["name"]: row for row in said["inputs"]}
    assert (inputs["max_connections"]["value"], inputs["max_connections"]["source"]) == (
        100,
        "--max-connections",
    )
    assert inputs["superuser_reserved"]["source"] == "the server"
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
            arguments = ("pool-size", pg.dsn(name, role, "x"), "--interval", "3s", "-f", "json")
            said = dbtune(*arguments).ok().json
            pg.psql(f"GRANT pg_monitor TO {role}")
            granted = dbtune(*arguments).ok().json
    finally:
        pg.psql(f"DROP ROLE {role}")
    skipped = next(row for row in said["skipped"] if row["what"] == "share of waiting")
    assert "pg_read_all_stats" in skipped["remedy"]
    assert said["recommendation"]["busy_connections"] > 1
    assert "use" not in said
    assert "pools" not in said
    assert granted["skipped"] == []


def test_cpus_come_from_the_machine_where_the_server_is_here(
    database18: tuple[Postgres, str], tmp_path: Path
) -> None:
    pg, name = database18
    arguments = ("--interval", "0s", "-f", "json")
    said = dbtune("pool-size", pg.dsn(name), *arguments).ok().json
    cpus = next(row for row in said["inputs"] if row["name"] == "cpus")
    assert cpus["value"] > 0
    assert cpus["source"].startswith("this machine")
    profiles = tmp_path / "dbtune.yaml"
    profiles.write_text(
        f"profiles:\n  prod:\n    url: {pg.dsn(name)}\n"
        "    cpus: 6\n    instances: 3\n    workers: 2\n"
    )
    profiles.chmod(0o600)
    env = {"DBTUNE_CONFIG": str(profiles)}
    said = dbtune("pool-size", "prod", *arguments, env=env).ok().json
    inputs = {row["name"]: (row["value"], row["source"]) for row in said["inputs"]}
    assert inputs["cpus"] == (6, "profile prod")
    assert inputs["instances"] == (3, "profile prod")
    assert inputs["workers"] == (2, "profile prod")
    assert said["recommendation"]["default_pool_size"] == 24


def test_through_a_pooler(pg18: Postgres, pgbouncer: Callable[[], PgBouncer]) -> None:
    bouncer = pgbouncer().start_for(pg18, default_pool_size=5)
    said = dbtune("pool-size", bouncer.dsn(), "--interval", "1s", "-f", "json").ok().json
    inputs = {row["name"]: row for row in said["inputs"]}
    assert inputs["max_connections"]["source"] == "the server"


def test_server_down() -> None:
    result = dbtune("pool-size", "postgresql://u@127.0.0.1:1/d")
    assert result.code == 3
    assert "Traceback" not in result.err
