"""Many targets at once: one summary, one exit code; one that is down hides none of the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.command import Result, dbtune
from tests.servers import Postgres


@pytest.fixture
def fleet(pg15: Postgres, pg18: Postgres, tmp_path: Path) -> Path:
    """Two servers with the tag prod, and one that is not there with the tag down."""
    file = tmp_path / "dbtune.yaml"
    file.write_text(
        "profiles:\n"
        f"  one: {{url: '{pg15.dsn()}', tags: [prod, all]}}\n"
        f"  two: {{url: '{pg18.dsn()}', tags: [prod, all]}}\n"
        "  gone: {url: 'postgresql://x@127.0.0.1:1/x', tags: [all]}\n"
    )
    file.chmod(0o600)
    return file


def check(fleet: Path, *arguments: str) -> Result:
    env = {"DBTUNE_CONFIG": str(fleet)}
    return dbtune("check", "--interval", "0s", *arguments, "-f", "json", env=env)


def test_a_finding_tells_its_target(fleet: Path) -> None:
    made = check(fleet, "--tag", "prod", "--only", "pg.fsync-off").json
    assert [one["subject"] for one in made["findings"]] == ["one: fsync", "two: fsync"]
    assert len({one["fingerprint"] for one in made["findings"]}) == 2
    assert [(one["target"], one["verdict"]) for one in made["targets"]] == [
        ("one", "critical"), ("two", "critical")
    ]  # fmt: skip
    assert made["summary"]["critical"] == 2


def test_one_that_is_down_hides_none_of_the_others(fleet: Path) -> None:
    made = check(fleet, "--tag", "all", "--only", "pg.fsync-off")
    assert made.code == 1  # there are findings
    assert {one["target"] for one in made.json["targets"]} == {"one", "two", "gone"}
    quiet = check(fleet, "--tag", "all", "--only", "pg.deadlocks")
    assert quiet.code == 3
    [lost] = [one for one in quiet.json["skipped"] if one["what"].startswith("target")]
    assert lost["what"] == "target gone"
    assert "can't connect" in lost["reason"]
    assert check(fleet, "--tag", "prod", "--only", "pg.deadlocks").code == 0


def test_a_baseline_and_acceptances_know_targets(fleet: Path, tmp_path: Path) -> None:
    baseline = tmp_path / "known.json"
    only = ("--tag", "prod", "--only", "pg.fsync-off")
    assert check(fleet, *only, "--write-baseline", str(baseline)).code == 1
    assert check(fleet, *only, "--baseline", str(baseline)).code == 0
    text = fleet.read_text()
    accept = "tags: [prod, all], accept: [{rule: pg.fsync-off, subject: fsync, reason: test}]"
    fleet.write_text(text.replace("tags: [prod, all]", accept, 1))
    assert [one["subject"] for one in check(fleet, *only).json["findings"]] == ["two: fsync"]


def test_mistakes(fleet: Path) -> None:
    wrong = check(fleet, "--tag", "produ")
    assert (wrong.code, wrong.err) == (
        2, "dbtune: no profile has the tag 'produ'; tags: all, prod\n"
    )  # fmt: skip
    both = check(fleet, "one", "--tag", "prod")
    assert both.code == 2
    assert "--tag names the targets" in both.err
    word = check(fleet, "--tag", "prod", "--only", "fsync")
    assert word.code == 2
    assert "--only fsync: no such check or tag" in word.err
