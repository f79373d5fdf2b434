"""slow-queries --log --follow, as a process that is watched and interrupted."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.command import dbtune

HEAD = "2026-11-28 21:{:02d}:{:02d}.000 UTC [7] app@shop LOG:  duration: 1.000 ms  statement: "


def lines(first: int, end: int) -> str:
    return "".join(HEAD.format(n // 60, n % 60) + f"SELECT {n} FROM t\n" for n in range(first, end))


class Watch:
    """A run that follows, and what it has printed so far."""

    def __init__(self, folder: Path, name: str) -> None:
        self._out = folder / "out.ndjson"
        with self._out.open("w") as out:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "dbtune", "slow-queries", "--log", name),
                    *("--follow", "--every", "200ms", "-f", "ndjson"),
                ],
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=subprocess.PIPE,
                text=True,
            )

    def calls(self) -> int:
        """Executions in all intervals so far."""
        text = self._out.read_text()
        whole = text[: text.rfind("\n") + 1]
        rows: list[dict[str, Any]] = [json.loads(one) for one in whole.splitlines() if one]
        return sum(one["calls"] for one in rows if one["type"] == "statements")

    def wait(self, calls: int) -> None:
        """Wait for so many executions; there may not be more."""
        deadline = time.monotonic() + 120
        while (found := self.calls()) < calls:
            assert time.monotonic() < deadline, f"{found} calls, {self.process.poll()}"
            time.sleep(0.05)
        assert found == calls

    def wait_for_start(self) -> None:
        """Wait for the first interval, which tells that it reads."""
        deadline = time.monotonic() + 120
        while '"header"' not in self._out.read_text():
            assert time.monotonic() < deadline
            time.sleep(0.05)


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Watch]:
    (tmp_path / "server.log").write_text(lines(0, 50))
    found = Watch(tmp_path, str(tmp_path / "server.log*"))
    found.wait_for_start()
    with found.process:
        yield found
        found.process.kill()


def test_what_is_appended_rotated_emptied_and_new(watch: Watch, tmp_path: Path) -> None:
    log = tmp_path / "server.log"

    def append(path: Path, text: str) -> None:
        with path.open("a") as file:
            file.write(text)

    append(log, lines(50, 60)[:-20])
    append(log, lines(50, 60)[-20:])
    watch.wait(10)
    append(log, lines(60, 65))
    log.rename(tmp_path / "server.log.1")
    log.write_text(lines(65, 70))
    append(tmp_path / "server.log.1", lines(70, 72))
    watch.wait(22)
    shutil.copy(log, tmp_path / "server.log.2")
    log.write_text(lines(80, 90))
    watch.wait(32)
    append(log, lines(90, 91))
    (tmp_path / "server.log.new").write_text(lines(200, 203))
    watch.wait(36)
    time.sleep(1.5)
    watch.wait(36)
    watch.process.send_signal(signal.SIGINT)
    assert watch.process.wait(120) == 130
    assert watch.process.stderr is not None
    assert watch.process.stderr.read().strip() in ("", "dbtune: interrupted")


def test_what_came_last_is_printed_when_it_is_interrupted(watch: Watch, tmp_path: Path) -> None:
    with (tmp_path / "server.log").open("a") as file:
        file.write(lines(50, 57))
    time.sleep(0.3)
    watch.process.send_signal(signal.SIGINT)
    watch.process.wait(120)
    watch.wait(7)


def test_a_pipe(tmp_path: Path) -> None:
    watch = Watch(tmp_path, "-")
    with watch.process:
        assert watch.process.stdin is not None
        watch.process.stdin.write(lines(0, 5))
        watch.process.stdin.flush()
        watch.wait(5)
        watch.process.stdin.write(lines(5, 8))
        watch.process.stdin.close()
        assert watch.process.wait(120) == 0
        watch.wait(8)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--until", "2h"), "--until does not go with --follow"),
        (("--state", "x"), "--state does not go with --follow"),
        (("-f", "html"), "--format html is one document"),
        (("-o", "x.json"), "redirect it"),
        (("--every", "0s"), "--every has to be longer"),
    ],
)
def test_what_does_not_go_with_it(tmp_path: Path, options: tuple[str, ...], words: str) -> None:
    (tmp_path / "server.log").write_text(lines(0, 50))
    result = dbtune("slow-queries", "--log", str(tmp_path), "--follow", *options)
    assert (result.code, len(result.err.splitlines())) == (2, 1)
    assert words in result.err
    alone = dbtune("slow-queries", "--log", str(tmp_path), "--every", "5s")
    assert "--every is for --follow" in alone.err
