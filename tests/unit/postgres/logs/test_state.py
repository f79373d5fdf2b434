"""Logs that are read bit by bit: nothing twice, nothing left out, whatever rotation does."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dbtune.codec import dump
from dbtune.logs.read import read
from dbtune.logs.state import Remembered, State, read_on, state_bytes
from dbtune.postgres.logs import kind as kinds
from dbtune.postgres.logs.digest import Digest
from dbtune.postgres.logs.kind import POSTGRES
from dbtune.postgres.logs.stream import Wanted
from tests.command import dbtune

SAMPLES = Path(__file__).parent / "samples"
WANTED = Wanted(jobs=1)
HEAD = "2026-11-28 21:{:02d}:{:02d}.000 UTC [{}] app@shop "


def line(number: int, message: str = "") -> str:
    """A record, each with a time of its own."""
    said = message or f"LOG:  duration: 1.000 ms  statement: SELECT {number}"
    return HEAD.format(number // 60, number % 60, 7) + said + "\n"


def lines(first: int, end: int) -> str:
    return "".join(map(line, range(first, end)))


def write(path: Path, text: str | bytes, *, more: bool = False) -> None:
    """Write to a file, an hour ago."""
    data = text.encode() if isinstance(text, str) else text
    with path.open("ab" if more else "wb") as file:
        file.write(data)
    os.utime(path, (path.stat().st_atime - 3600, path.stat().st_mtime - 3600))


class Folder:
    """A folder of logs and what is remembered of it."""

    def __init__(self, path: Path) -> None:
        self.path, self.state = path, path / "state"
        self.log = path / "server.log"

    def run(self, *options: str) -> Any:
        """What a run prints."""
        ask = ("slow-queries", "--log", str(self.path / "server.log*"), "--state", str(self.state))
        return dbtune(*ask, "-f", "json", *options).ok().json

    def calls(self) -> int:
        """Executions that are known after a run."""
        found: int = self.run()["summary"]["calls"]
        return found


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_only_what_is_new_is_read(folder: Folder) -> None:
    write(folder.log, lines(0, 10))
    assert folder.calls() == 10
    assert folder.calls() == 10
    write(folder.log, lines(10, 15), more=True)
    found = folder.run()
    assert found["summary"]["calls"] == 15
    assert found["log"]["records"] == 15
    assert found["log"]["skipped_lines"] == 0
    assert any("in 1 file; " in note for note in found["notes"])


def test_rotated_by_renaming_and_compressed(folder: Folder) -> None:
    write(folder.log, lines(0, 10))
    assert folder.calls() == 10
    write(folder.log, lines(10, 12), more=True)
    folder.log.rename(folder.path / "server.log.1")
    write(folder.log, lines(12, 20))
    assert folder.calls() == 20
    old = folder.path / "server.log.1"
    write(folder.path / "server.log.2.gz", gzip.compress(old.read_bytes() + lines(90, 93).encode()))
    old.unlink()
    assert folder.calls() == 23, "the compressed file goes on where the plain one was left"
    assert folder.calls() == 23


def test_rotated_by_copying_and_emptying(folder: Folder) -> None:
    write(folder.log, lines(0, 10))
    assert folder.calls() == 10
    write(folder.log, lines(10, 12), more=True)
    shutil.copy(folder.log, folder.path / "server.log.1")
    os.utime(folder.path / "server.log.1", (1, 1))
    write(folder.log, lines(12, 14))
    assert folder.calls() == 14
    shutil.copy(folder.log, folder.path / "server.log.2")
    assert folder.calls() == 14, "a copy of what has been read is not read again"


def test_emptied_and_written_again_beyond_where_it_was(folder: Folder) -> None:
    write(folder.log, lines(0, 3))
    assert folder.calls() == 3
    write(folder.log, lines(3, 30))
    assert folder.calls() == 30


def test_a_record_that_is_being_written_waits(folder: Folder) -> None:
    text = lines(0, 5) + line(5, "ERROR:  division by zero")
    folder.log.write_text(text[:-3])
    found = folder.run()
    assert found["summary"]["calls"] == 4, "the half line may belong to the fifth"
    assert "errors" not in found or not found["errors"]
    assert any("waits for the next time" in note for note in found["notes"])
    folder.log.write_text(text + line(5, "STATEMENT:  SELECT 1/0"))
    os.utime(folder.log, (1, 1))
    [error] = folder.run()["errors"]
    assert (error["count"], error["statement"]) == (1, "SELECT $1/$2")


@pytest.mark.parametrize("form", ["log", "csv", "json"])
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=15,
)
@given(st.data())
def test_bit_by_bit_is_all_at_once(form: str, tmp_path: Path, data: st.DataObject) -> None:
    text = (SAMPLES / f"pg18.{form}").read_bytes()
    path = tmp_path / f"x.{form}"
    cuts = sorted(data.draw(st.lists(st.integers(1, len(text)), max_size=4, unique=True)))
    state = State(Remembered(), Digest())
    for cut in cuts:
        path.write_bytes(text[:cut])  # just now, so that the last record may go on
        state = read_on(POSTGRES, [str(path)], WANTED, state).state
    write(path, text)
    state = read_on(POSTGRES, [str(path)], WANTED, state).state
    whole = read(POSTGRES, [str(path)], WANTED)
    assert state.digest.seen.records == whole.seen.records
    assert state.digest.seen.skipped_lines == whole.seen.skipped_lines

    def calls(digest: Digest) -> dict[str, int]:
        return {key: one.calls for key, one in digest.statements.items() if one.calls}

    assert calls(state.digest) == calls(whole)
    for name in ("errors", "temp_files", "connections", "cancelled"):
        mine, its = (dump(getattr(one.events, name)) for one in (state.digest, whole))
        assert json.dumps(mine, sort_keys=True) == json.dumps(its, sort_keys=True) or name == (
            "connections"
        )


def test_the_state_is_bounded(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinds, "_MOST_STATEMENTS", 20)
    monkeypatch.setattr(kinds, "_MOST_CELLS", 30)
    made = "LOG:  duration: 1.000 ms  statement: SELECT a FROM t{}"
    write(folder.log, "".join(line(n, made.format(n)) for n in range(200)))
    found = folder.run("-n", "1000")
    assert len(found["statements"]) == 20
    assert sum(one["calls"] for one in found["hours"]) == 200
    assert any("180 executions of rare statements" in note for note in found["notes"])


def test_what_is_no_state_is_refused_and_left_alone(folder: Folder) -> None:
    write(folder.log, lines(0, 3))
    whole = state_bytes(State(Remembered(), Digest()))
    document = json.loads(gzip.decompress(whole))
    for content, words in (
        (b"my diary", "is no state of dbtune's"),
        (whole[:-9], "is damaged: remove it"),
        (gzip.compress(b"[]"), "is damaged"),
        (gzip.compress(b'{"schema": "dbtune.log-state/1", "places": 5}'), "is damaged"),
        (gzip.compress(json.dumps(document | {"schema": "dbtune.log-state/0"}).encode()), "/0,"),
        (
            state_bytes(State(Remembered(database="other"), Digest())),
            "was made with --database other",
        ),
    ):
        folder.state.write_bytes(content)
        result = dbtune("slow-queries", "--log", str(folder.log), "--state", str(folder.state))
        assert result.code == 2
        assert words in result.err
        assert len(result.err.splitlines()) == 1
        assert folder.state.read_bytes() == content


@pytest.mark.parametrize(
    "options", [("--since", "2h"), ("--show-parameters",), ("--until", "2026-11-28")]
)
def test_what_does_not_go_with_it(folder: Folder, options: tuple[str, ...]) -> None:
    result = dbtune("slow-queries", "--log", "-", "--state", str(folder.state), *options)
    assert (result.code, f"{options[0]} does not go with --state" in result.err) == (2, True)
    result = dbtune("slow-queries", "--log", "-", "--state", str(folder.state))
    assert "standard input is none" in result.err
