"""--verify starts a real server with the settings, and says what it has against them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dbtune.errors import UsageError
from dbtune.postgres.config.guc import GB
from dbtune.postgres.config.inputs import Inputs
from dbtune.postgres.config.plan import Plan
from dbtune.postgres.config.running import Current, Running
from dbtune.postgres.config.trial import Trial, try_plan
from tests import servers
from tests.command import dbtune
from tests.conftest import missing
from tests.servers import Postgres


def programs(version: int) -> Path:
    """The folder of a version's programs that the tests have."""
    if version not in servers.available_postgres():
        missing(f"PostgreSQL {version}")
    return servers.builds()[version].program("postgres").parent


@pytest.mark.parametrize("version", [13, 16])
def test_every_setting_is_read_back(version: int) -> None:
    plan = Plan(Inputs(2 * GB, 2, version=version))
    trial = try_plan(plan, programs(version))
    assert trial.server.startswith(f"PostgreSQL {version}.")
    assert (trial.problems, trial.notes) == ((), ())


def test_the_command_says_that_it_was_verified() -> None:
    ask = ("gen-config", "postgresql", "--ram", "2GB", "--cpus", "2", "-f", "json")
    made = dbtune(*ask, "--verify").ok().json
    count = len(made["changes"])
    assert made["notes"][0].startswith("verified: PostgreSQL 18.")
    assert made["notes"][0].endswith(f"reads all {count} settings as meant")
    assert "pg.config-refused-by-server" in made["examined"]
    without = dbtune(*ask).ok().json
    assert "pg.config-refused-by-server" not in without["examined"]


def on_server(**settings: Current) -> Plan:
    """A plan for a server that has these settings, and a newer idea of others."""
    known = {one.name: Current(one.old) for one in Plan(Inputs(2 * GB, 2)).decisions}
    return Plan(Inputs(2 * GB, 2), Running(18, known | settings))


def test_a_library_that_is_not_here_is_said() -> None:
    plan = on_server(shared_preload_libraries=Current("no_such_library"))
    trial = try_plan(plan)
    assert trial.problems == ()
    assert trial.notes == ("not installed here, so tried without: no_such_library",)


def test_more_memory_than_this_machine_has_is_said() -> None:
    trial = try_plan(Plan(Inputs(4096 * GB, 64)))
    assert trial.problems == ()
    assert "too small to try shared_buffers" in trial.notes[0]


def test_a_server_that_refuses_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    # No rule makes such a file any more, so a rule is told to.
    plan = Plan(Inputs(2 * GB, 2))
    one = plan.decide("max_worker_processes")
    monkeypatch.setattr(type(one.guc), "text", lambda guc, value: "nonsense")
    trial = try_plan(plan)
    assert trial.problems
    assert trial.problems[0][0] == "start"
    assert "nonsense" in trial.problems[0][1]


def test_a_problem_fails_a_pipeline(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = Trial("PostgreSQL 18.6", (("start", "invalid value"),))
    monkeypatch.setattr("dbtune.postgres.config.trial.try_plan", lambda *_: refused)
    ask = ("gen-config", "postgresql", "--ram", "2GB", "--verify", "--fail-on", "critical")
    result = dbtune(*ask, "-f", "json")
    assert result.code == 1
    (finding,) = [one for one in result.json["findings"] if one["level"] == "critical"]
    assert finding["rule"] == "pg.config-refused-by-server"
    assert "invalid value" in finding["message"]


def test_a_running_server_keeps_what_it_has(new_pg: Callable[[int], Postgres]) -> None:
    pg = new_pg(18).start({"work_mem": "3MB"})
    made = dbtune(
        "gen-config",
        "postgresql",
        pg.dsn(),
        "--ram",
        "2GB",
        "--cpus",
        "2",
        "--verify",
        "-f",
        "json",
    )
    assert made.ok().json["notes"][0].startswith("verified: ")
    assert pg.psql("SHOW work_mem") == [("3MB",)]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--bindir", "/nowhere"), "give both"),
        (("--verify", "--bindir", "/nowhere"), "can't run /nowhere/postgres: No such file"),
    ],
)
def test_mistakes_get_a_sentence(arguments: tuple[str, ...], words: str) -> None:
    result = dbtune("gen-config", "postgresql", "--ram", "2GB", *arguments)
    assert result.code == 2
    assert words in result.err


def test_another_versions_programs_are_refused() -> None:
    with pytest.raises(UsageError, match="but the settings are for 18"):
        try_plan(Plan(Inputs(2 * GB, 2)), programs(16))
