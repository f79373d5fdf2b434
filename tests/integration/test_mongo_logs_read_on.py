"""A real mongod's log while it is written and rotated: --state, --follow, --baseline."""

from __future__ import annotations

import gzip
import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pymongo
import pytest

from tests.command import dbtune
from tests.servers import MongoDB

Client = pymongo.MongoClient[dict[str, Any]]
FIND = "shop.orders.find({a: ?})"


class Logging:
    """A server that logs every operation to a file of its own."""

    def __init__(self, server: MongoDB, rotation: str) -> None:
        folder = server.folder / "logs"
        folder.mkdir()
        self.path = folder / "mongod.log"
        self.pattern = str(folder / "mongod.log*")
        folder.chmod(0o777)  # the server may be another user's
        options = ["--logpath", str(self.path), "--logappend", "--logRotate", rotation]
        self.server = server.start(*options)
        with server.client() as root:
            root.shop.orders.insert_many({"_id": n, "a": n} for n in range(50))
            root.shop.command("profile", 0, slowms=-1)

    def find(self, times: int) -> None:
        """So many queries."""
        with Client(self.server.url(), appname="shop-web") as client:
            for number in range(times):
                client.shop.orders.find_one({"a": number})
                list(client.shop.orders.find({"a": number}))

    def rotate(self) -> None:
        """What the server does when it is told to begin a new file."""
        with self.server.client() as client:
            client.admin.command("logRotate", "server")


def calls(report: Any) -> int:
    """How often the query is in a report."""
    return sum(one["calls"] for one in report["statements"] if one["statement"] == FIND)


@pytest.fixture
def rotation() -> str:
    return "rename"


@pytest.fixture
def logging(new_mongodb: Callable[[], MongoDB], rotation: str) -> Logging:
    return Logging(new_mongodb(), rotation)


def test_only_what_is_new_is_read_through_rotation(logging: Logging, tmp_path: Path) -> None:
    ask = ("slow-queries", "--log", logging.pattern, "--state", str(tmp_path / "state"))

    def known() -> int:
        return calls(dbtune(*ask, "-f", "json", "-n", "1000").ok().json)

    logging.find(3)
    assert known() == 3
    logging.find(2)
    logging.rotate()
    logging.find(4)
    assert known() == 9, "the rest of the old file, and the new one"
    assert known() == 9, "nothing is new"
    old = next(one for one in logging.path.parent.iterdir() if one != logging.path)
    packed = old.with_name(old.name + ".gz")
    packed.write_bytes(gzip.compress(old.read_bytes()))
    old.unlink()
    logging.find(1)
    assert known() == 10, "a compressed file is known again"
    refused = dbtune(*ask, "--database", "shop")
    assert refused.code == 2
    assert "was made without --database" in refused.err


def test_a_state_of_another_engine_is_refused(logging: Logging, tmp_path: Path) -> None:
    state = tmp_path / "state"
    dbtune("slow-queries", "--log", logging.pattern, "--state", str(state)).ok()
    other = tmp_path / "postgresql.log"
    other.write_text(
        "2026-11-28 21:00:00.000 UTC [7] LOG:  duration: 1.000 ms  statement: SELECT 1\n" * 3
    )
    result = dbtune("slow-queries", "--log", str(other), "--state", str(state))
    assert result.code == 2
    assert "remembers logs of mongodb, these are of postgresql" in result.err


class Following:
    """A run that follows, and what it has printed."""

    def __init__(self, folder: Path, *names: str, stdin: Any = subprocess.DEVNULL) -> None:
        self._out = folder / "out.ndjson"
        command = [sys.executable, "-m", "dbtune", "slow-queries", "--log", *names]
        with self._out.open("w") as out:
            self.process = subprocess.Popen(
                [*command, "--follow", "--every", "300ms", "-f", "ndjson", "-n", "1000"],
                stdin=stdin,
                stdout=out,
                stderr=subprocess.PIPE,
                text=True,
            )

    def _rows(self) -> list[dict[str, Any]]:
        text = self._out.read_text()
        return [json.loads(one) for one in text[: text.rfind("\n") + 1].splitlines() if one]

    def wait(self, told: Callable[[list[dict[str, Any]]], bool]) -> None:
        """Wait until what is printed is what it should be."""
        deadline = time.monotonic() + 120
        while not told(self._rows()):
            assert time.monotonic() < deadline, self.calls()
            assert self.process.poll() is None
            time.sleep(0.05)

    def calls(self) -> int:
        """How often the query is in all intervals."""
        rows = [one for one in self._rows() if one["type"] == "statements"]
        return calls({"statements": rows})

    def end(self) -> None:
        """Interrupt it as a person does."""
        with self.process:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(120)


@pytest.mark.parametrize("rotation", ["rename", "reopen"])
def test_what_is_logged_is_followed_through_rotation(
    logging: Logging, tmp_path: Path, rotation: str
) -> None:
    logging.find(5)
    following = Following(tmp_path, logging.pattern)
    following.wait(bool)
    logging.find(3)
    if rotation == "reopen":  # as logrotate does it
        shutil.move(logging.path, logging.path.with_name("mongod.log.1"))
    logging.rotate()
    logging.find(2)
    following.wait(lambda _: following.calls() >= 5)
    following.end()
    assert following.calls() == 5, "what was logged before is not counted"


def test_a_pipe_is_followed(logging: Logging, tmp_path: Path) -> None:
    logging.find(4)
    following = Following(tmp_path, "-", stdin=subprocess.PIPE)
    assert following.process.stdin is not None
    following.process.stdin.write(logging.path.read_text())
    following.process.stdin.flush()
    following.wait(lambda _: following.calls() == 4)
    with following.process:
        following.process.stdin.close()
        assert following.process.wait(120) == 0


def test_two_periods_are_compared(logging: Logging, tmp_path: Path) -> None:
    logging.find(20)
    before = tmp_path / "before.log"
    shutil.copy(logging.path, before)
    logging.rotate()
    logging.find(30)
    with logging.server.client() as client:
        list(client.shop.orders.find({"b": {"$gt": 1}}))
    report = dbtune(
        *("slow-queries", "--log", str(logging.path), "--baseline", str(before)),
        *("-f", "json", "-n", "1000"),
    ).ok()
    assert calls(report.json) == 30
    changes = {one["statement"]: one for one in report.json["changes"]}
    assert (changes[FIND]["before_calls"], changes[FIND]["after_calls"]) == (20, 30)
    assert changes["shop.orders.find({b: {$gt: ?}})"]["state"] == "new"
    assert {one["measure"] for one in report.json["measures"]} >= {
        "collection_scans_per_hour",
        "elections_per_hour",
    }
