"""The files in examples/ do what they say."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import psycopg
import pytest
import yaml

from dbtune.profile_file import Location, load
from tests.command import dbtune
from tests.servers import Postgres

EXAMPLES = Path(__file__).parents[2] / "examples"


def ci_environment(pg: Postgres, name: str, **more: str) -> dict[str, str]:
    """The environment of a CI job: no terminal, no configuration, dbtune on PATH."""
    return {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.defpath}",
        "DATABASE_URL": f"postgresql://{pg.superuser}@{pg.host}:{pg.port}/{name}",
        "PGPASSWORD": pg.password,
        "HOME": "/nonexistent",
        "LC_ALL": "C.UTF-8",
        "CI": "true",
        **more,
    }


def job_command(file: str) -> str:
    """The shell lines of the step that runs dbtune, as the CI system would run them."""
    document = yaml.safe_load((EXAMPLES / "ci" / file).read_text())
    if file.startswith("github"):
        steps = document["jobs"]["statements"]["steps"]
        return str(next(step["run"] for step in steps if step.get("id") == "dbtune"))
    return "\n".join(document["statements"]["script"])


def a_bad_test_suite(pg: Postgres, name: str) -> None:
    """Thirty lists of forty rows, each row then fetched on its own."""
    with psycopg.connect(pg.dsn(name), autocommit=True, prepare_threshold=None) as db:
        db.execute("CREATE TABLE parent AS SELECT i AS id FROM generate_series(1, 2000) i")
        db.execute("CREATE TABLE child AS SELECT i AS id, i AS n FROM generate_series(1, 2000) i")
        with db.pipeline():
            for page in range(30):
                db.execute("SELECT id FROM parent ORDER BY id LIMIT %s", (40,))
                for one in range(40):
                    db.execute("SELECT n FROM child WHERE id = %s", (page * 40 + one,))


@pytest.mark.parametrize("file", ["slow-queries.sh", "github-actions.yml", "gitlab-ci.yml"])
def test_the_ci_step_passes_without_a_finding_and_fails_with_one(
    file: str, new_pg: Callable[[], Postgres], tmp_path: Path
) -> None:
    pg = new_pg().start()
    pg.psql("CREATE EXTENSION pg_stat_statements")
    command = str(EXAMPLES / "ci" / file) if file.endswith(".sh") else job_command(file)

    def step() -> subprocess.CompletedProcess[str]:
        report.unlink(missing_ok=True)
        return subprocess.run(
            ["sh", "-ec", command],
            cwd=tmp_path,
            env=ci_environment(pg, "postgres", REPORT="statements.md"),
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )

    report = tmp_path / "statements.md"
    clean = step()
    assert clean.returncode == 0, clean.stderr
    assert "pg.n-plus-one" not in report.read_text()
    a_bad_test_suite(pg, "postgres")
    failing = step()
    assert failing.returncode == 1, failing.stderr
    assert "pg.n-plus-one" in report.read_text()
    assert pg.password not in clean.stdout + clean.stderr + report.read_text()


def test_an_unreachable_database_is_another_exit_code_than_findings(tmp_path: Path) -> None:
    done = subprocess.run(
        [str(EXAMPLES / "ci" / "slow-queries.sh")],
        cwd=tmp_path,
        env={
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.defpath}",
            "DATABASE_URL": "postgresql://ci@127.0.0.1:1/app",
            "HOME": "/nonexistent",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3
    assert list(tmp_path.iterdir()) == []


def test_every_profile_of_the_example_file_is_valid() -> None:
    file = load(Location(EXAMPLES / "dbtune.yaml", own=False), {})
    profiles = {name: file.profile(name) for name in file.names}
    assert file.default == "staging"
    assert profiles["production"].ram_bytes == 64 * 1024**3
    assert profiles["production"].password is None
    assert profiles["cache"].engine.value == "redis"
    assert profiles["catalogue"].engine.value == "mongodb"


# -------------------------------------------------------------------------------- dbtune check


def check_command(file: str) -> str:
    """The shell lines that run ``dbtune check`` in an example."""
    path = EXAMPLES / "ci" / file
    if file.endswith(".sh"):
        return str(path)
    document = yaml.safe_load(path.read_text())
    if "jobs" in document:
        steps = document["jobs"]["check"]["steps"]
        return str(next(step["run"] for step in steps if step.get("id") == "dbtune"))
    if "repos" in document:
        [hook] = document["repos"][0]["hooks"]
        assert hook["language"] == "system"
        return str(hook["entry"])
    return "\n".join(document["health"]["script"])


@pytest.mark.parametrize(
    ("file", "report"),
    [
        ("check-github-actions.yml", "check.sarif"),
        ("check-gitlab-ci.yml", "check.xml"),
        ("check-cron.sh", ""),
        ("pre-commit-config.yaml", ""),
    ],
)
def test_the_check_passes_on_a_healthy_server_and_fails_on_a_flaw(
    file: str, report: str, new_pg: Callable[[int], Postgres], tmp_path: Path
) -> None:
    pg = new_pg(18).start({"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"})
    environment = ci_environment(pg, "postgres")
    # As a container's job has it: next to nothing.
    environment = {key: environment[key] for key in ("PATH", "DATABASE_URL", "PGPASSWORD", "HOME")}
    command = check_command(file)

    def step(command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", "-ec", command],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            encoding="utf-8",
            stdin=subprocess.DEVNULL,
            check=False,
        )

    if "--baseline" in command:
        made = step("dbtune check --write-baseline known.json --fail-on never")
        assert made.returncode == 0, made.stderr
    clean = step(command)
    assert clean.returncode == 0, clean.stdout + clean.stderr
    assert "\x1b" not in clean.stdout + clean.stderr
    if file.endswith(".sh"):
        assert clean.stdout + clean.stderr == ""
    (tmp_path / report).unlink() if report else None
    pg.psql("CREATE TABLE t (a int PRIMARY KEY, b int); CREATE INDEX x ON t (b)")
    pg.psql("CREATE INDEX y ON t (b)")
    failing = step(command)
    assert failing.returncode == 1, failing.stdout + failing.stderr
    shown = (tmp_path / report).read_text() if report else failing.stdout
    assert "pg.duplicate-index" in shown
    assert pg.password not in shown + failing.stdout + failing.stderr
    if report.endswith(".sarif"):
        assert json.loads(shown)["version"] == "2.1.0"
    if report.endswith(".xml"):
        ElementTree.fromstring(shown)
    pg.stop()
    (tmp_path / report).unlink() if report else None
    assert step(command).returncode == 3


def test_the_example_snapshots_show_a_regression() -> None:
    folder = EXAMPLES / "compare"
    files = [str(folder / f"{name}.json.gz") for name in ("start", "deploy", "end")]
    note = ("--note", "replaced orders_customer by orders_status")
    made = dbtune("compare", *files, *note, "--fail-on", "regression", "-f", "json")
    assert made.code == 1
    assert made.json["hypotheses"][0]["verdict"] == "worse"
    assert dbtune("compare", *files[:2], "--fail-on", "regression").code == 0
