"""The table of exit codes, row by row, and what goes to which stream."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

from dbtune.cli import run
from dbtune.cli.formats import Format
from dbtune.errors import Exit
from tests.command import dbtune
from tests.servers import Postgres

NOWHERE = "postgresql://nobody:topsecret@127.0.0.1:1/none"


def process(*arguments: str, **more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "dbtune", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "DBTUNE_CONFIG": "/nonexistent", **more},
    )


def test_0_nothing_found(database18: tuple[Postgres, str]) -> None:
    pg, name = database18
    pg.psql("CREATE EXTENSION pg_stat_statements", name)
    result = dbtune("slow-queries", pg.dsn(name), "--database", name, "-f", "json")
    assert result.code == Exit.OK
    schema = dbtune("schema", "slow-queries").ok().json
    jsonschema.validate(result.json, schema)


def test_1_findings_at_the_level_that_fails() -> None:
    ask = ("pool-size", "--max-connections", "100", "--cpus", "2", "--rps", "5000",
           "--hold-time", "20ms", "--wait-share", "0")  # fmt: skip
    assert dbtune(*ask).code == Exit.OK
    assert dbtune(*ask, "--fail-on", "critical").code == Exit.FINDINGS


def test_1_what_became_worse_and_4_what_a_snapshot_lacks() -> None:
    folder = Path(__file__).parents[2] / "examples" / "compare"
    files = [str(folder / f"{name}.json.gz") for name in ("start", "deploy", "end")]
    assert dbtune("compare", *files).code == Exit.OK
    assert dbtune("compare", *files, "--fail-on", "regression").code == Exit.FINDINGS
    assert dbtune("compare", *files, "--strict").code == Exit.INCOMPLETE


@pytest.mark.parametrize(
    "arguments",
    [
        ("compare",),
        ("compare", "/nonexistent/a.json.gz", "/nonexistent/b.json.gz"),
        ("watch", NOWHERE),
        ("watch", NOWHERE, "--every", "0s", "-o", "history"),
        ("slow-queries",),
        ("slow-queries", "no-such-profile"),
        ("slow-queries", "mysql://host/db"),
        ("slow-queries", "postgresql://u:p@ss@host/db"),
        ("pool-size", "--instances", "-3"),
        ("gen-config", "postgresql", "--ram", "lots"),
        ("rules", "pg.none"),
        ("schema", "none"),
        ("slow-queries", NOWHERE, "--output", "/nonexistent/folder/file"),
    ],
)
def test_2_usage_is_one_sentence_and_nothing_on_stdout(arguments: tuple[str, ...]) -> None:
    result = dbtune(*arguments)
    assert result.code == Exit.USAGE
    assert result.out == ""
    assert "dbtune: " in result.err
    assert "Traceback" not in result.err


def test_rules_are_listed_by_pattern_and_tag_as_only_takes_them() -> None:
    for word, some in (("pgbouncer.*", "pgbouncer."), ("vacuum", "pg."), ("redis", "redis.")):
        rows = dbtune("rules", word, "-f", "json").ok().json["rules"]
        assert rows
        assert all(row["rule"].startswith(some) for row in rows)
    assert "did you mean vacuum?" in dbtune("rules", "vacum").err


def test_a_command_of_two_words_needs_no_quotes() -> None:
    assert dbtune("schema", "explain", "diff").ok().out == dbtune("schema", "explain diff").ok().out


def test_3_unreachable_and_the_password_shows_nowhere() -> None:
    result = dbtune("slow-queries", NOWHERE)
    assert result.code == Exit.UNREACHABLE
    assert "topsecret" not in result.out + result.err


def test_4_skipped_and_strict(database18: tuple[Postgres, str]) -> None:
    pg, name = database18
    ask = ("slow-queries", pg.dsn(name), "--interval", "200ms")
    assert dbtune(*ask).code == Exit.OK
    assert dbtune(*ask, "--strict").code == Exit.INCOMPLETE


def test_70_a_bug_says_where_and_asks_for_a_report(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("topsecret-free")

    monkeypatch.setattr("dbtune.cli.slow_queries.Selection", broken)
    assert run(["slow-queries", NOWHERE]) == Exit.BUG
    err = capsys.readouterr().err
    assert "a bug in dbtune: ZeroDivisionError" in err
    assert "Traceback" not in err
    assert "topsecret@" not in err


def test_130_interrupted(database18: tuple[Postgres, str]) -> None:
    pg, name = database18
    pg.psql("CREATE EXTENSION pg_stat_statements", name)
    running = process("slow-queries", pg.dsn(name), "--interval", "60s")
    deadline = time.monotonic() + 120
    asked = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'dbtune' AND datname = "
    while not pg.psql(f"{asked} '{name}'")[0][0]:
        assert time.monotonic() < deadline, "dbtune did not connect"
        time.sleep(0.05)
    time.sleep(0.5)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=120)
    assert running.returncode == Exit.INTERRUPTED
    assert out == ""
    assert "Traceback" not in err


@pytest.mark.parametrize("module", ["dbtune.cli", "typer", "dbtune.cli.check"])
def test_130_interrupted_while_modules_are_loaded(module: str) -> None:
    code = f"""
import sys
class Interrupting:
    def find_spec(self, name, *_):
        if name == {module!r}:
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupting())
sys.argv = ["dbtune", "check"]
from dbtune.__main__ import main
main()
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120
    )
    assert (done.returncode, done.stdout) == (Exit.INTERRUPTED, "")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("file", ["stdout", "output"])
def test_a_full_disk_is_said_and_nothing_is_left(file: str) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    arguments = ["rules"] if file == "stdout" else ["rules", "--output", "/dev/full"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "dbtune", *arguments],
            stdout=full if file == "stdout" else subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == Exit.USAGE
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_reader_that_leaves_early_is_no_error() -> None:
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {sys.executable} -m dbtune rules | head -n 1 >/dev/null"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert done.stderr == ""


def test_output_is_whole_or_not_there_and_nothing_is_overwritten(tmp_path: Path) -> None:
    target = tmp_path / "rules.json"
    dbtune("rules", "-f", "json", "-o", str(target)).ok()
    before = target.read_text()
    again = dbtune("rules", "-o", str(target))
    assert again.code == Exit.USAGE
    assert "--force" in again.err
    assert target.read_text() == before
    dbtune("rules", "-f", "csv", "-o", str(target), "--force").ok()
    assert target.read_text().startswith("rule,level")
    assert list(tmp_path.iterdir()) == [target], "no temporary file is left"


def test_nagios_has_exit_codes_of_its_own(pg18: Postgres) -> None:
    url = {"DATABASE_URL": pg18.dsn()}
    arguments = ("check", "--interval", "0s", "-f", "nagios", "--only")
    critical = dbtune(*arguments, "pg.fsync-off", env=url)  # as test servers are
    assert (critical.code, critical.out.split(" - ")[0]) == (2, "DBTUNE CRITICAL")
    fine = dbtune(*arguments, "pg.deadlocks", env=url)
    assert (fine.code, fine.out.split(" - ")[0]) == (0, "DBTUNE OK")


def test_secrets_are_in_no_format(new_pg: Callable[[], Postgres]) -> None:
    server = new_pg().start()
    server.psql("CREATE EXTENSION pg_stat_statements")
    server.psql("CREATE ROLE safe LOGIN PASSWORD 'hunter2 & co/ltd' IN ROLE pg_monitor")
    url = server.dsn("postgres", "safe", "hunter2 & co/ltd")
    for format_name in sorted(set(Format) - {"nagios"}):
        result = dbtune("slow-queries", url, "--verbose", "-f", format_name).ok()
        for shown in (result.out, result.err):
            assert "hunter2" not in shown
    wrong = dbtune("slow-queries", url.replace("hunter2", "hunter3"), "--verbose")
    assert wrong.code == Exit.UNREACHABLE
    assert "hunter" not in wrong.out + wrong.err


def test_output_is_utf8_whatever_the_locale() -> None:
    command = [sys.executable, "-m", "dbtune", "rules"]
    environment = {"PYTHONIOENCODING": "ascii", "DBTUNE_CONFIG": "/nonexistent"}
    made = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert made.returncode == 0, made.stderr
    assert "──" in made.stdout.decode("utf-8")
