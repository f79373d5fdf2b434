"""Checks on connections: the defect is made, found, mended, and gone."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.command import Result, dbtune
from tests.servers import SUPPORTED, Postgres


def check(server: Postgres, *arguments: str) -> Result:
    """``dbtune check`` on a server, as JSON."""
    return dbtune("check", *arguments, "-f", "json", env={"DATABASE_URL": server.dsn()})


@pytest.mark.parametrize("version", SUPPORTED)
def test_connections_near_the_limit(new_pg: Callable[[int], Postgres], version: int) -> None:
    server = new_pg(version).start({"max_connections": 10, "superuser_reserved_connections": 3})
    only = ("--only", "pg.connections-near-limit", "--fail-on", "warning")
    assert check(server, *only).ok().json["findings"] == []
    with ExitStack() as stack:
        for _ in range(5):
            stack.enter_context(server.connect())
        found = check(server, *only)
        [finding] = found.json["findings"]
        assert found.code == 1
        assert finding["level"] == "warning"
        assert finding["evidence"]["used"] == 6  # dbtune's own is one
        assert "6 of 7 connections are taken (85.7 %)" in finding["message"]
        stack.enter_context(server.connect())
        assert check(server, *only).json["findings"][0]["level"] == "critical"
    assert check(server, *only).ok().json["summary"]["verdict"] == "ok"


def test_a_baseline_from_the_command_line(pg18: Postgres, tmp_path: Path) -> None:
    file = tmp_path / "known.json"
    thresholds = tmp_path / "dbtune.yaml"
    thresholds.write_text(
        "profiles:\n  here:\n    url: ${DATABASE_URL}\n"
        "    thresholds: {pg.connections-near-limit: {warning_ratio: 0}}\n"
    )
    env = {"DATABASE_URL": pg18.dsn(), "DBTUNE_CONFIG": str(thresholds)}
    arguments = ("check", "here", "--only", "connections", "--fail-on", "info", "-f", "json")
    first = dbtune(*arguments, "--write-baseline", str(file), env=env)
    assert (first.code, len(first.json["findings"])) == (1, 1)
    second = dbtune(*arguments, "--baseline", str(file), env=env).ok().json
    assert second["findings"] == []
    assert second["summary"]["known"] == 1
    assert "1 finding of the baseline not shown" in second["notes"]
    again = dbtune(*arguments, "--write-baseline", str(file), env=env)
    assert again.code == 2
    assert "--force" in again.err
    thresholds.write_text(
        thresholds.read_text()
        + "    accept: [{rule: pg.connections-near-limit, reason: so be it, until: 2999-01-01}]\n"
    )
    accepted = dbtune(*arguments, env=env).ok().json
    assert accepted["notes"] == ["accepted: pg.connections-near-limit: max_connections (so be it)"]


def test_a_check_of_a_snapshot_judges_what_was_then(
    new_pg: Callable[[int], Postgres], tmp_path: Path
) -> None:
    server = new_pg(18).start({"max_connections": 10, "superuser_reserved_connections": 3})
    file = tmp_path / "s.json.gz"
    with ExitStack() as stack:
        for _ in range(5):
            stack.enter_context(server.connect())
        dbtune("snapshot", "-o", str(file), env={"DATABASE_URL": server.dsn()}).ok()
    found = dbtune("check", "--from", str(file), "--only", "connections", "-f", "json").json
    assert [one["rule"] for one in found["findings"]] == ["pg.connections-near-limit"]
