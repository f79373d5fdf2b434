"""Settings in the forms of containers and services mean the same to a real server."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from dbtune.postgres.config.forms import Form
from dbtune.postgres.config.guc import GB
from dbtune.postgres.config.inputs import Inputs
from dbtune.postgres.config.plan import Plan
from dbtune.postgres.config.services import OWNED, TARGETS, service_artifact
from tests.command import dbtune
from tests.servers import SUPPORTED, Postgres

VERSIONS = SUPPORTED


def plan(version: int) -> Plan:
    return Plan(Inputs(2 * GB, 2, version=version))


def numbers(form: str, version: int) -> dict[str, str]:
    """Names and values of a form that has them in the settings' own units."""
    text = service_artifact(form, plan(version)).text
    if form in ("rds", "aurora"):
        return {one["ParameterName"]: one["ParameterValue"] for one in json.loads(text)}
    words = shlex.split(text, comments=True)
    if form == "cloudsql":
        flags = next(word for word in words if word.startswith("--database-flags="))
        pairs = flags.removeprefix("--database-flags=^:^").split(":")
        return dict(pair.split("=", 1) for pair in pairs)
    return {words[at + 1]: words[at + 3] for at, word in enumerate(words) if word == "--name"}


def arguments(version: int) -> dict[str, str]:
    """What docker-compose passes on."""
    made = yaml.safe_load(service_artifact("docker", plan(version)).text)
    command: list[str] = made["services"]["db"]["command"]
    assert command[0] == "postgres"
    assert set(command[1::2]) == {"-c"}
    return dict(one.replace("$$", "$").split("=", 1) for one in command[2::2])


@pytest.mark.parametrize("version", VERSIONS)
def test_every_form_means_the_same(version: int, new_pg: Callable[[int], Postgres]) -> None:
    given: dict[str, object] = dict(arguments(version))
    preload = str(given.pop("shared_preload_libraries")).split(",")
    pg = new_pg(version).start(given, preload=preload)
    told: dict[str, str] = dict(pg.psql("SELECT name, setting FROM pg_settings"))
    for form in ("rds", "aurora", "cloudsql", "azure"):
        found = numbers(form, version)
        assert found, form
        for name, value in found.items():
            if name != "shared_preload_libraries":
                meant = told[name]
                if form in ("rds", "aurora"):
                    meant = {"on": "1", "off": "0"}.get(meant, meant)
                if (form, name) == ("cloudsql", "effective_cache_size"):
                    meant = str(7 * 2 * GB // 10 // 8192)  # it takes 70 % of RAM at most
                assert value == meant, f"{form}: {name}"
    made = yaml.safe_load(service_artifact("kubernetes", plan(version)).text)
    parameters: dict[str, Any] = made["spec"]["postgresql"]["parameters"]
    assert all(isinstance(value, str) for value in parameters.values())
    for name, value in parameters.items():
        if "." not in name:
            assert pg.psql(f"SHOW {name}")[0][0] == value, name
    assert parameters["pg_stat_statements.track"] == "top"


@pytest.mark.parametrize("form", sorted(TARGETS))
def test_what_a_service_keeps_to_itself_is_left_out_and_said(form: str) -> None:
    ask = ("gen-config", "postgresql", "--ram", "8GB", "--cpus", "4", "--form", form)
    result = dbtune(*ask).ok()
    wanted = {one.name for one in Plan(Inputs(8 * GB, 4)).changes}
    for name in wanted & OWNED[form]:
        assert name not in result.out
        assert name in result.err
    for name in wanted - OWNED[form] - {"shared_preload_libraries"}:
        assert name in result.out


def test_undo_takes_alter_system_back(new_pg: Callable[[int], Postgres]) -> None:
    pg = new_pg(18).start({"work_mem": "3MB"})
    pg.psql("ALTER SYSTEM SET maintenance_work_mem = '65MB'")
    pg.restart()
    ask = ("gen-config", "postgresql", pg.dsn(), "--ram", "4GB", "--cpus", "2", "-q", "--form")
    before: dict[str, str] = dict(pg.psql("SELECT name, setting FROM pg_settings"))
    undo, script = (dbtune(*ask, form).ok().out for form in (Form.undo, Form.alter_system))
    for text in (script, undo):
        with pg.connect() as connection:
            for statement in text.split(";\n"):
                connection.execute(statement.encode())
        pg.restart()
        if text == script:
            assert dict(pg.psql("SELECT name, setting FROM pg_settings")) != before
    after: dict[str, str] = dict(pg.psql("SELECT name, setting FROM pg_settings"))
    assert {name for name in before if before[name] != after[name]} == set()
    assert pg.psql("SHOW maintenance_work_mem") == [("65MB",)]
