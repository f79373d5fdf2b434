"""Logs as a source of other commands: check, snapshot, and what reads a snapshot."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest

from dbtune.codec import dump, load
from dbtune.logs.read import read
from dbtune.postgres.logs.digest import Digest
from dbtune.postgres.logs.kind import POSTGRES
from dbtune.postgres.logs.stream import Wanted
from tests.command import dbtune
from tests.server_log import CONF, Events
from tests.servers import Postgres

SAMPLE = Path(__file__).parents[1] / "unit/postgres/logs/samples/pg18.csv"
LOG = ("--log", str(SAMPLE))


def test_check_of_a_log_alone() -> None:
    found = dbtune("check", *LOG, "-f", "json")
    assert found.code == 1  # critical
    jsonschema.validate(found.json, dbtune("schema", "check").ok().json)
    status = {one["check"]: one["status"] for one in found.json["checks"]}
    assert len(status) == 11
    assert status["pg.server-crashed"] == "critical"
    assert status["pg.deadlocks-logged"] == "warning"
    assert status["pg.connections-refused"] == "ok"
    assert any(one["message"] == "division by zero" for one in found.json["errors"])
    assert found.json["log"]["files"] == 1
    assert found.json["summary"]["verdict"] == "critical"
    crashed = [one for one in found.json["findings"] if one["rule"] == "pg.server-crashed"]
    assert [one["subject"] for one in crashed] == [
        "client backend (PID ?) was terminated by signal 9: Killed"
    ]
    only = dbtune("check", *LOG, "--only", "pg.deadlocks-logged", "-f", "json").ok().json
    assert len(only["checks"]) == 1


def test_check_of_a_server_and_its_log(database18: tuple[Postgres, str]) -> None:
    pg, name = database18
    both = dbtune("check", pg.dsn(name), *LOG, "-f", "json", "--interval", "0s").json
    names = {one["check"] for one in both["checks"]}
    assert {"pg.deadlocks-logged", "pg.connections-near-limit"} <= names
    assert both["target"]
    without = dbtune(
        "check", pg.dsn(name), *LOG, "-f", "json", "--interval", "0s", "--exclude", "log"
    ).json
    assert "pg.deadlocks-logged" not in {one["check"] for one in without["checks"]}


def test_a_snapshot_keeps_what_a_log_says(database18: tuple[Postgres, str], tmp_path: Path) -> None:
    pg, name = database18
    file = tmp_path / "shop.json.gz"
    dbtune("snapshot", pg.dsn(name), *LOG, "-o", str(file)).ok()
    live = dbtune("slow-queries", *LOG, "-f", "json", "-n", "1000").ok().json
    saved = dbtune("slow-queries", "--from", str(file), "-f", "json", "-n", "1000").ok().json
    for table in ("statements", "slowest", "spent_by", "errors", "deadlocks", "lock_waits"):
        assert saved[table] == live[table], table
    assert {one["rule"] for one in live["findings"]} == {one["rule"] for one in saved["findings"]}
    checked = dbtune("check", "--from", str(file), "-f", "json").json
    assert "pg.server-crashed" in {one["check"] for one in checked["checks"]}

    pg.psql("CREATE EXTENSION pg_stat_statements", name)
    dbtune("snapshot", pg.dsn(name), *LOG, "-o", str(file), "--force").ok()
    joined = dbtune("slow-queries", "--from", str(file), "-f", "json").ok().json
    assert joined["summary"]["source"] == "pg_stat_statements"
    assert joined["errors"] == live["errors"][:20]
    assert "pg.deadlocks-logged" in {one["rule"] for one in joined["findings"]}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("check", "--tag", "prod", *LOG), "no --tag beside it"),
        (("check", "redis://127.0.0.1:1", *LOG), "is for PostgreSQL"),
        (("snapshot", "redis://127.0.0.1:1", *LOG, "-o", "x"), "is for PostgreSQL"),
        (("snapshot", "postgresql://127.0.0.1:1/x", *LOG, "-o", "x", "--no-query-text"), "--no-qu"),
        (("check", "--log", "/nonexistent.log"), "there is no such file"),
    ],
)
def test_what_does_not_go_together(arguments: tuple[str, ...], words: str) -> None:
    result = dbtune(*arguments)
    assert (result.code, len(result.err.splitlines())) == (2, 1)
    assert words in result.err


@pytest.mark.parametrize("form", ["log", "csv", "json"])
def test_a_digest_comes_back_from_a_file_as_it_was(form: str) -> None:
    digest = read(POSTGRES, [str(SAMPLE.with_suffix(f".{form}"))], Wanted(jobs=1))
    back = load(Digest, dump(digest))
    assert dump(back) == dump(digest)
    assert back == digest


def test_a_log_says_what_pg_stat_statements_says(tmp_path: Path) -> None:
    """One workload, read in both ways: the same tables, fields, calls and findings."""
    conf = CONF | {"log_destination": "stderr,csvlog,jsonlog", "autovacuum": "off"}
    with Postgres(18).start(conf) as pg:
        name = pg.create_database("shop", "")
        pg.psql("CREATE EXTENSION pg_stat_statements", name)
        pg.psql("CREATE TABLE t AS SELECT n, -n AS m FROM generate_series(1, 150000) n", name)
        pg.psql("SELECT pg_stat_statements_reset()", name)
        with pg.connect(name) as connection:
            for number in range(40):
                far = f"SELECT n FROM t ORDER BY m OFFSET {20_000 + number} LIMIT 5"
                connection.execute(far.encode())
                connection.execute("SELECT count(*) FROM t WHERE n > %s", [number], prepare=True)
                connection.execute(f"INSERT INTO t VALUES ({number}, NULL)".encode())
        live = dbtune("slow-queries", pg.dsn(name), "--database", name, "-f", "json").ok().json
        Events(pg, name).wait_for("INSERT INTO t VALUES (39", 1)
        logs = [
            dbtune(
                *("slow-queries", "--log", str(pg.data / "log" / f"server.{suffix}")),
                *("--database", name, "-n", "1000", "-f", "json"),
            )
            .ok()
            .json
            for suffix in ("log", "csv", "json")
        ]
    calls = {
        one["statement"]: one["calls"]
        for one in live["statements"]
        if " t " in one["statement"] and one["statement"].startswith(("SELECT", "INSERT"))
    }
    assert sorted(calls.values()) == [40, 40, 40]
    for log in logs:
        assert set(live["summary"]) == set(log["summary"])
        assert set(live["statements"][0]) == set(log["statements"][0])
        found = {one["statement"]: one for one in log["statements"]}
        for statement, count in calls.items():
            assert found[statement]["calls"] == count
        spilled = [
            {one["subject"]: one["level"] for one in report["findings"] if "spill" in one["rule"]}
            for report in (live, log)
        ]
        assert spilled[0] == spilled[1] != {}
        skipped = ", ".join(one["what"] for one in log["skipped"]).split(", ")
        fired = {one["rule"] for one in live["findings"]}
        assert fired <= {one["rule"] for one in log["findings"]} | set(skipped)


def test_a_prefix_that_is_told(database18: tuple[Postgres, str], tmp_path: Path) -> None:
    pg, name = database18
    log, file = tmp_path / "shop.log", tmp_path / "shop.json.gz"
    log.write_text(
        "".join(
            f"2026-11-28 10:00:0{n}.123 UTC;{n};shop;web;ERROR:  division by zero\n"
            f"2026-11-28 10:00:0{n}.123 UTC;{n};shop;web;STATEMENT:  SELECT 1 / 0\n"
            for n in range(5)
        )
    )
    told = ("--log", str(log), "--log-line-prefix", "%m;%p;%d;%u;")
    found = dbtune("check", *told, "-f", "json").json
    [error] = found["errors"]
    assert error["message"] == "division by zero"
    assert error["databases"] == ["shop"]
    dbtune("snapshot", pg.dsn(name), *told, "-o", str(file)).ok()
    saved = dbtune("check", "--from", str(file), "--only", "log", "-f", "json").json
    assert saved["errors"] == found["errors"]
    for command in (("check", pg.dsn(name)), ("snapshot", pg.dsn(name), "-o", str(file) + "2")):
        alone = dbtune(*command, "--log-line-prefix", "%m ")
        assert alone.code == 2
        assert alone.err.endswith("--log-line-prefix is for logs: name them by --log FILE\n")
    wrong = dbtune("check", "--log", str(log), "--log-line-prefix", "%m %%% ")
    assert wrong.code == 2
