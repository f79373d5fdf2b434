"""Generated configurations on real servers: they start, and read what was meant."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import jsonschema
import pytest

from dbtune.cli import run
from dbtune.errors import UsageError
from dbtune.hardware import is_postgres
from dbtune.postgres.config.budget import budget, shared_bytes, slot_bytes
from dbtune.postgres.config.checks.would_not_start import would_not_start
from dbtune.postgres.config.forms import Form, artifact
from dbtune.postgres.config.generate import from_session
from dbtune.postgres.config.guc import GB, MB, gucs, read_setting
from dbtune.postgres.config.inputs import Inputs, Options, Storage, Workload
from dbtune.postgres.config.plan import Plan
from dbtune.postgres.config.running import Current, Running
from dbtune.postgres.session import Session
from dbtune.profile import resolve
from dbtune.report import Report
from dbtune.session import Limits
from tests import servers
from tests.conftest import missing
from tests.servers import PgBouncer, Postgres, try_start

VERSIONS = [pytest.param(version, id=f"pg{version}") for version in servers.SUPPORTED]
VARTYPE = {"int": "integer"}
MAPPABLE = 8 * GB
"""Larger shared_buffers are lowered on the command line: not every machine can map them."""


def random_inputs(seed: int, count: int, version: int) -> list[Inputs]:
    """Inputs of all sizes, the same for the same seed."""
    dice = random.Random(f"{seed} {version}")
    return [
        Inputs(
            ram_bytes=int(2 ** dice.uniform(29, 40)),
            cpus=dice.choice([0.5, 1, 2, 3, 4, 8, 16, 32, 64, 128]),
            storage=dice.choice(list(Storage)),
            workload=dice.choice(list(Workload)),
            version=version,
            connections=dice.choice([None, None, 10, 25, 100, 300, 1000, 3000]),
            wal_disk_bytes=dice.choice([None, None, GB, 10 * GB, 500 * GB]),
        )
        for _ in range(count)
    ]


def conf_text(plan: Plan) -> str:
    """The configuration file of a plan."""
    return artifact(Form.conf, plan, budget(plan)).text


def problems(plan: Plan, text: str | None = None) -> list[str]:
    """What a real server has against a configuration; an empty list if it reads it as meant."""
    version = plan.inputs.version
    huge = plan.number("shared_buffers") > MAPPABLE
    result = try_start(version, text or conf_text(plan), "shared_buffers=128MB" if huge else "")
    if not result.ok:
        return [f"does not start: {result.log}"]
    bad = [f"log: {line}" for line in result.log.splitlines() if "WARNING" in line]
    for one in plan.changes:
        if huge and one.name == "shared_buffers":
            continue
        seen = result.settings[one.name]
        kind = VARTYPE.get(one.guc.kind, one.guc.kind)
        value = read_setting(kind, seen.setting, seen.unit)
        if seen.error:
            bad.append(f"{one.name}: {seen.error}")
        if value != one.value:
            bad.append(f"{one.name}: meant {one.value}, reads {value}")
    return bad


@pytest.fixture
def need() -> Callable[[int], None]:
    """Skip (or fail in CI) where a version of PostgreSQL is not installed."""

    def check(version: int) -> None:
        if version not in servers.available_postgres():
            missing(f"PostgreSQL {version}")

    return check


@pytest.mark.parametrize("version", VERSIONS)
def test_random_configurations_start_and_read_as_meant(
    version: int, need: Callable[[int], None]
) -> None:
    need(version)
    for inputs in random_inputs(1, 8, version):
        assert problems(Plan(inputs)) == [], inputs


@pytest.mark.parametrize("workload", list(Workload))
@pytest.mark.parametrize("version", VERSIONS)
def test_every_workload_starts(
    version: int, workload: Workload, need: Callable[[int], None]
) -> None:
    need(version)
    assert problems(Plan(Inputs(4 * GB, 4, workload=workload, version=version))) == []


def test_the_table_of_settings_agrees_with_the_server(any_pg: Postgres) -> None:
    rows = {
        row[0]: row[1:]
        for row in any_pg.psql(
            "SELECT name, vartype, unit, context, min_val, max_val, boot_val, enumvals"
            " FROM pg_settings"
        )
    }
    initdb = {"shared_buffers"}  # and max_connections, which is the same
    for name, guc in gucs(any_pg.version).items():
        kind, unit, context, low, high, boot, enums = rows[name]
        assert VARTYPE.get(guc.kind, guc.kind) == kind, name
        assert guc.unit == (unit or ""), name
        assert guc.context == context, name
        if guc.kind in ("int", "real"):
            assert guc.low == float(low), name
            assert guc.high == float(high), name
        if guc.kind == "enum":
            assert set(guc.enums) <= set(enums), name
        if name not in initdb:
            assert guc.default == read_setting(kind, boot, unit), name
    absent = {one for version in servers.SUPPORTED for one in gucs(version)} - set(
        gucs(any_pg.version)
    )
    assert not absent & set(rows)


@pytest.mark.parametrize("version", VERSIONS[2:])  # shared_memory_size exists since 15
@pytest.mark.parametrize("connections", [20, 1000])
@pytest.mark.parametrize("buffers", [128 * MB, 4 * GB])
def test_shared_memory_is_bounded_by_the_budget(
    version: int, connections: int, buffers: int, need: Callable[[int], None]
) -> None:
    need(version)
    plan = Plan(Inputs(4 * buffers, 2, version=version, connections=connections))
    assert plan.number("shared_buffers") == buffers
    size = int(try_start(version, conf_text(plan)).settings["shared_memory_size"].setting) * MB
    bound = shared_bytes(plan) + connections * slot_bytes(plan)
    assert size <= bound <= size * 1.2


@pytest.mark.parametrize(
    ("version", "conf", "subject"),
    [
        (15, "max_connections = 5\nsuperuser_reserved_connections = 5", "max_connections"),
        (16, "max_connections = 9\nreserved_connections = 7", "max_connections"),
        (17, "wal_level = minimal\nmax_wal_senders = 3", "wal_level"),
        (13, "wal_level = minimal\nmax_wal_senders = 0\narchive_mode = on", "wal_level"),
    ],
)
def test_what_is_said_not_to_start_does_not(
    version: int, conf: str, subject: str, need: Callable[[int], None]
) -> None:
    need(version)
    assert not try_start(version, conf).ok
    server = Running(version, {n: Current(g.default) for n, g in gucs(version).items()})
    for line in conf.splitlines():
        name, _, text = line.partition(" = ")
        cast(dict[str, Current], server.settings)[name] = Current(
            int(text) if text.isdigit() else text
        )
    inputs = Inputs(
        8 * GB, 4, version=version, connections=int(server.value("max_connections") or 0)
    )
    assert subject in {one.subject for one in would_not_start(Plan(inputs, server))}


def test_more_autovacuum_workers_than_slots_are_said(need: Callable[[int], None]) -> None:
    need(18)
    log = try_start(18, "autovacuum_max_workers = 20\nautovacuum_worker_slots = 16").log
    assert "autovacuum_max_workers" in log
    settings = {n: Current(g.default) for n, g in gucs(18).items()}
    settings["autovacuum_max_workers"] = Current(20)
    plan = Plan(Inputs(8 * GB, 4), Running(18, settings))
    assert [one.subject for one in would_not_start(plan)] == ["autovacuum_max_workers"]


# ------------------------------------------------------------------------------- with a target


def advice(dsn: str, form: Form = Form.conf, **options: Any) -> Report:
    """What gen-config says about a server."""
    with Session(resolve(dsn), Limits()) as session:
        return from_session(session, Options(**options), form)


def settings(report: Report) -> dict[str, dict[str, Any]]:
    """The report's settings by name."""
    return {str(row["setting"]): dict(row) for row in report.tables[0].rows}


@pytest.mark.parametrize("version", VERSIONS)
def test_advice_once_applied_is_not_repeated(
    version: int, new_pg: Callable[[int], Postgres]
) -> None:
    pg = new_pg(version).start({"max_connections": 60})
    before = advice(pg.dsn(), ram_bytes=4 * GB, cpus=2)
    changes = settings(before)
    assert changes["shared_buffers"]["value"] == "1GB"
    assert changes["shared_buffers"]["old_value"] != "1GB"
    assert "max_connections" not in changes  # the server's own number stays
    pg.restart("max_connections = 60\n" + before.artifacts[0].text)
    after = advice(pg.dsn(), ram_bytes=4 * GB, cpus=2)
    assert settings(after) == {}
    assert "Nothing should change" in after.artifacts[0].text
    assert after.target is not None
    assert after.target["engine"] == "postgresql"


@pytest.mark.parametrize("version", VERSIONS)
def test_the_alter_system_script_does_the_same(
    version: int, new_pg: Callable[[int], Postgres]
) -> None:
    libraries = ["pg_stat_statements", "auto_explain"]
    pg = new_pg(version).start(preload=libraries[1:])
    script = advice(pg.dsn(), Form.alter_system, ram_bytes=2 * GB, cpus=2).artifacts[0]
    assert script.language == "sql"
    with pg.connect() as connection:
        for statement in script.text.split(";\n"):
            connection.execute(statement.encode())
    # The fixture's own settings stand in a file, so that ALTER SYSTEM beats them.
    pg.restart()
    assert settings(advice(pg.dsn(), ram_bytes=2 * GB, cpus=2)) == {}
    assert "wal_buffers" not in script.text  # a running server shows what it made of -1
    loaded = pg.psql("SHOW shared_preload_libraries")[0][0]
    assert [one.strip() for one in loaded.split(",")] == libraries[::-1]


def test_the_build_decides_on_compression(pg: Callable[[int], Postgres]) -> None:
    changes = settings(advice(pg(15).dsn(), ram_bytes=2 * GB, cpus=2))
    assert changes["wal_compression"]["value"] == "lz4"  # Debian's build has it
    changes = settings(advice(pg(16).dsn(), ram_bytes=2 * GB, cpus=2))
    assert changes["wal_compression"]["value"] == "pglz"  # this one has not


def test_the_machine_is_read_where_the_server_runs_on_it(pg18: Postgres) -> None:
    for dsn in (pg18.dsn(), pg18.dsn(socket=True)):
        inputs = {str(row["input"]): row for row in advice(dsn).tables[2].rows}
        assert str(inputs["RAM"]["source"]).startswith("this machine")
        assert "free at" in str(inputs["WAL disk"]["source"])


def test_ram_of_a_server_elsewhere_is_asked_for(
    pg18: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As through a tunnel: a loopback address, but its process does not run here.
    monkeypatch.setattr("dbtune.postgres.config.generate.is_postgres", lambda _: False)
    with pytest.raises(UsageError, match="give --ram and --cpus, or put ram and cpus"):
        advice(pg18.dsn())
    with pytest.raises(UsageError, match="RAM of that server"):
        advice(pg18.dsn(), cpus=2)
    assert advice(pg18.dsn(), ram_bytes=GB, cpus=2).artifacts


def test_a_process_here_is_told_from_others(pg18: Postgres) -> None:
    pid = pg18.psql("SELECT pg_backend_pid()")[0][0]
    assert not is_postgres(1)
    with pg18.connect() as connection:
        assert is_postgres(connection.info.backend_pid)
    assert isinstance(pid, int)


def test_a_role_without_privileges_leaves_hidden_settings_alone(
    database18: tuple[Postgres, str],
) -> None:
    pg, database = database18
    pg.psql("CREATE ROLE gen_config_nobody LOGIN PASSWORD 'x'")
    try:
        dsn = pg.dsn(database, "gen_config_nobody", "x")
        report = advice(dsn, ram_bytes=2 * GB, cpus=2)
    finally:
        pg.psql("DROP ROLE gen_config_nobody")
    assert "shared_preload_libraries" not in settings(report)
    assert [one.what for one in report.skipped] == ["shared_preload_libraries"]
    assert "pg_monitor" in report.skipped[0].remedy


def test_through_a_pooler(pg18: Postgres, pgbouncer: Callable[[], PgBouncer]) -> None:
    pooler = pgbouncer().start_for(pg18)
    assert settings(advice(pooler.dsn(), ram_bytes=2 * GB, cpus=2))


def test_alter_system_that_is_forbidden_is_not_generated(
    new_pg: Callable[[int], Postgres],
) -> None:
    pg = new_pg(17).start({"allow_alter_system": "off"})
    with pytest.raises(UsageError, match="allow_alter_system is off"):
        advice(pg.dsn(), Form.alter_system, ram_bytes=2 * GB, cpus=2)


def test_what_a_file_cannot_change_is_said(new_pg: Callable[[int], Postgres]) -> None:
    pg = new_pg(16).start()
    pg.psql("ALTER SYSTEM SET work_mem = '64kB'")
    pg.psql("ALTER SYSTEM SET max_wal_size = '100MB'")
    pg.psql("ALTER DATABASE postgres SET random_page_cost = 9")
    pg.psql("ALTER SYSTEM SET max_worker_processes = 77")
    pg.reload()
    wait_until(lambda: pg.psql("SHOW work_mem")[0][0] == "64kB")
    report = advice(pg.dsn(), ram_bytes=2 * GB, cpus=2)
    found = {(one.rule, one.subject) for one in report.findings}
    assert {
        ("pg.config-overridden", "work_mem"),
        ("pg.config-overridden", "max_wal_size"),
        ("pg.config-overridden", "random_page_cost"),
    } <= found
    pending = next(one for one in report.findings if one.rule == "pg.config-pending-restart")
    assert "max_worker_processes" in pending.message


def wait_until(done: Callable[[], bool]) -> None:
    """Wait until it is so."""
    deadline = time.monotonic() + 120
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.05)


# --------------------------------------------------------------------------- the command line


def test_the_command_writes_what_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], need: Callable[[int], None]
) -> None:
    need(18)
    arguments = ["gen-config", "postgresql", "--ram", "8GB", "--storage", "ssd"]
    assert run(arguments) == 0
    out, err = capsys.readouterr()
    assert try_start(18, out).ok
    assert "Memory budget" in err
    target = tmp_path / "dbtune.conf"
    assert run([*arguments, "--output", str(target)]) == 0
    assert target.read_text() == out
    assert run([*arguments, "--output", str(target)]) == 2
    assert "--force" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--ram", "8"], 2, "is the unit missing"),
        (["--ram", "much"], 2, "'much' is not a size"),
        (["--ram", "8GB", "--storage", "floppy"], 2, "'floppy' is not one of"),
        (["--ram", "8GB", "--pg-version", "12"], 2, "13 to 18"),
        (["postgresql://nobody@127.0.0.1:1/x"], 3, "Connection refused"),
        (["mongodb://127.0.0.1/x"], 2, "this needs PostgreSQL"),
        (["--ram", "1GB", "--max-connections", "500", "--fail-on", "critical"], 1, "OVER RAM"),
    ],
)
def test_mistakes(
    arguments: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["gen-config", "postgresql", *arguments]) == code
    out, err = capsys.readouterr()
    assert message in (err if code != 1 else out)


def test_pgbouncer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "pgbouncer"
    database = ["--database", "app=[::1]:5433/production", "--database", "logs=/run/pg"]
    arguments = ["gen-config", "pgbouncer", *database, "--pgbouncer-version", "1.25"]
    assert run([*arguments, "--cpus", "4", "-o", str(folder)]) == 0
    text = (folder / "pgbouncer.ini").read_text()
    assert "\napp = host=::1 port=5433 dbname=production\n" in text
    assert "\nlogs = host=/run/pg port=5432 dbname=logs\n" in text
    assert {one.name for one in folder.iterdir()} == {
        "pgbouncer.ini",
        "userlist.txt",
        "pgbouncer-auth.sql",
    }
    capsys.readouterr()
    assert run([*arguments, "--database", "a=b c", "--cpus", "4"]) == 2
    assert "not NAME, or NAME=HOST" in capsys.readouterr().err
    assert run(["gen-config", "pgbouncer", "--cpus", "4"]) == 0
    assert "stands for yours: name it with --database" in capsys.readouterr().err


def test_pgbouncer_of_a_target(pg18: Postgres, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["gen-config", "pgbouncer", pg18.dsn(), "--interval", "0s", "--cpus", "2"]
    assert run([*arguments, "-f", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["target"]["server"].startswith("PostgreSQL 18")
    ini = document["artifacts"][0]["text"]
    assert f"\npostgres = host={pg18.host} port={pg18.port} dbname=postgres\n" in ini


@pytest.mark.parametrize("kind", [["postgresql", "--ram", "8GB"], ["pgbouncer", "--cpus", "4"]])
def test_json_keeps_to_its_schema(kind: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["schema", "gen-config"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert run(["gen-config", *kind, "-f", "json"]) == 0
    jsonschema.validate(json.loads(capsys.readouterr().out), schema)


def test_json_of_a_target(pg18: Postgres, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["gen-config", "postgresql", pg18.dsn(socket=True), "--ram", "4GB", "-f", "json"]
    assert run(arguments) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["target"]["server"].startswith("PostgreSQL 18")
    assert {row["setting"]: row for row in document["changes"]}["shared_buffers"]["number"] == GB
