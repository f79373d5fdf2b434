"""Ctrl-C, wherever it strikes: the command ends, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

import pytest
import yaml

from dbtune.errors import Exit
from dbtune.postgres import connect
from dbtune.profile import profile_from_url
from dbtune.session import open_postgres
from tests.servers import Postgres


def start(*arguments: str, **more: str) -> subprocess.Popen[str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PG", "DATABASE_URL"))}
    return subprocess.Popen(
        [sys.executable, "-m", "dbtune", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**clean, "DBTUNE_CONFIG": "/nonexistent", **more},
    )


def until_it_asks(pg: Postgres, database: str, sessions: int = 1) -> None:
    """Wait until so many of dbtune's sessions are on a database."""
    asked = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'dbtune' AND datname = "
    deadline = time.monotonic() + 120
    while pg.psql(f"{asked}'{database}'")[0][0] < sessions:
        assert time.monotonic() < deadline, "dbtune did not connect"
        time.sleep(0.05)


def test_in_the_middle_of_a_statement_it_is_no_error_of_the_statement(
    database18: tuple[Postgres, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python takes a signal between any two lines: here in those that wait for an answer."""
    pg, name = database18
    due = float("inf")

    class Clock:
        @staticmethod
        def monotonic() -> float:
            nonlocal due
            if time.monotonic() > due:
                due = float("inf")
                raise KeyboardInterrupt
            return time.monotonic()

    monkeypatch.setattr(connect, "time", Clock)
    with open_postgres(profile_from_url(pg.dsn(name), "test")) as session:
        assert session.rows("SELECT 1 AS one") == [{"one": 1}]
        due = time.monotonic() + 1
        with pytest.raises(KeyboardInterrupt):
            session.rows("SELECT pg_sleep(10)")


def test_within_a_callback_of_pythons_own() -> None:
    code = """
import signal, sys, time
class Goes:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)
class Loading:
    def find_spec(self, name, *_):
        if name == "dbtune.cli.rules":
            Goes()
            time.sleep(5)
sys.meta_path.insert(0, Loading())
sys.argv = ["dbtune", "rules"]
from dbtune.__main__ import main
main()
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120
    )
    assert (done.returncode, done.stdout, done.stderr) == (Exit.INTERRUPTED, "", "")


def test_within_a_text_that_is_executed(tmp_path: Path) -> None:
    """So dataclasses are made: `python -m dbtune` died of the signal, not with exit code 130."""
    text = """
import dbtune.cli
def interrupted(): exec("raise KeyboardInterrupt")
dbtune.cli.main = interrupted
from dbtune.__main__ import main
main()
"""
    (tmp_path / "as_module.py").write_text(text)
    command = [sys.executable, "-m", "as_module"]
    assert subprocess.run(command, cwd=tmp_path, check=False).returncode == 130


def test_several_targets_at_once_are_not_waited_for(
    database18: tuple[Postgres, str], tmp_path: Path
) -> None:
    pg, name = database18
    running = start("report", pg.dsn(name), pg.dsn("postgres"), "--interval", "10m")
    until_it_asks(pg, name)
    until_it_asks(pg, "postgres")
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=120)
    assert (running.returncode, out) == (Exit.INTERRUPTED, "")
    assert "Traceback" not in err


def _call(stream: IO[str], identity: int, method: str, **parameters: object) -> None:
    message = {"jsonrpc": "2.0", "id": identity, "method": method, "params": parameters}
    stream.write(json.dumps(message) + "\n")
    stream.flush()


@pytest.mark.parametrize("busy", [False, True], ids=["waiting", "working"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_mcp_ends_though_standard_input_is_open(
    database18: tuple[Postgres, str], tmp_path: Path, number: int, busy: bool
) -> None:
    pg, name = database18
    file = tmp_path / "dbtune.yaml"
    file.write_text(yaml.safe_dump({"profiles": {"here": {"url": pg.dsn(name)}}}))
    file.chmod(0o600)
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    running = start("mcp", DBTUNE_CONFIG=str(file), TMPDIR=str(temporary))
    assert running.stdin is not None
    assert running.stdout is not None
    client = {"name": "test", "version": "1"}
    _call(
        running.stdin, 1, "initialize",
        protocolVersion="2025-06-18", capabilities={}, clientInfo=client,
    )  # fmt: skip
    assert json.loads(running.stdout.readline())["result"]
    if busy:
        running.stdin.write('{"jsonrpc": "2.0", "method": "notifications/initialized"}\n')
        asked = {"target": "here", "seconds": 60}
        _call(running.stdin, 2, "tools/call", name="pool_size", arguments=asked)
        until_it_asks(pg, name)
    running.send_signal(number)
    running.wait(timeout=40)  # shorter than what it is asked for
    _, err = running.communicate()
    assert (running.returncode, err) == (Exit.INTERRUPTED, "")
    assert list(temporary.iterdir()) == []


def test_mcp_survives_what_is_no_message_and_forgets_who_left(
    database18: tuple[Postgres, str], tmp_path: Path
) -> None:
    pg, name = database18
    file = tmp_path / "dbtune.yaml"
    file.write_text(yaml.safe_dump({"profiles": {"here": {"url": pg.dsn(name)}}}))
    file.chmod(0o600)
    running = start("mcp", DBTUNE_CONFIG=str(file))
    assert running.stdin is not None
    assert running.stdout is not None
    _call(
        running.stdin, 1, "initialize",
        protocolVersion="2025-06-18", capabilities={}, clientInfo={"name": "t", "version": "1"},
    )  # fmt: skip
    running.stdin.write('{"jsonrpc": "2.0", "method": "notifications/initialized"}\n')
    for line in ("hello", "[]", "5", "null", "[" * 5000, '{"jsonrpc": "2.0", "id": 9}', "\ufffd"):
        running.stdin.write(line + "\n")
    _call(running.stdin, 2, "tools/call", name="check", arguments={"target": "x" * 100_000})
    _call(running.stdin, 3, "tools/call", name="no such tool", arguments={})
    _call(running.stdin, 4, "tools/call", name="check", arguments={"seconds": "many"})
    _call(running.stdin, 5, "tools/call", name="list_profiles", arguments={})
    answers: dict[int, str] = {}
    while 5 not in answers or len(answers) < 5:
        line = running.stdout.readline()
        answers[json.loads(line).get("id")] = line
    assert all('isError":true' in answers[one] for one in (2, 3, 4))
    assert "here" in answers[5]
    # Who closes the connection while a tool works is not there to be waited for.
    _call(
        running.stdin, 6, "tools/call",
        name="pool_size", arguments={"target": "here", "seconds": 60},
    )  # fmt: skip
    until_it_asks(pg, name)
    running.stdin.close()
    running.stdin = None
    _, err = running.communicate(timeout=40)  # shorter than what it is asked for
    assert (running.returncode, "Traceback" in err) == (0, False)
    assert f":{pg.password}@" not in "".join(answers.values())
