"""Redis servers in trouble, or with hostile keys: what can be told is, and what can not is said."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from redis import exceptions

from dbtune.redis.facts.info import Info
from dbtune.redis.health.checks.replica_disconnected import replica_disconnected
from tests.command import Result, dbtune
from tests.servers import Redis, RedisCluster

COMMANDS: tuple[tuple[str, ...], ...] = (
    ("check", "--interval", "0"),
    ("bloat",),
    ("cache", "--interval", "0"),
    ("slow-queries",),
    ("activity", "--once", "--every", "0"),
    ("snapshot",),
    ("gen-config", "redis"),
)


def asked(server: Redis, folder: Path, *command: str) -> Result:
    more: tuple[str, ...] = (
        ("-o", str(folder / "s.gz"), "--force") if command[0] == "snapshot" else ()
    )
    if command[0] == "gen-config":  # without a target it asks nobody
        more = (server.url(),)
    found = dbtune(*command, *more, env={"REDIS_URL": server.url()})
    assert "Traceback" not in found.err
    assert "\x1b" not in found.out
    return found


def until(true: Callable[[], bool]) -> None:
    """Wait for something that comes by itself."""
    deadline = time.monotonic() + 120
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def skipped(report: Any) -> dict[str, Any]:
    return {one["what"]: one for one in report["skipped"]}


# ---------------------------------------------------------------------------------- hostile names

NAMES = (
    b"",
    b"\xff\xfe\x00\x01binary",
    b"new\r\nline:1",
    b"[bold red]markup[/]:2",
    b"\x1b[31mred\x1b[0m:3",
    b"x" * (1 << 20),
    b"z:" + b"\0" * 5000,
    "naïve ключ:4".encode(),
    b"a|b:<script>alert(1)</script>",
)


@pytest.fixture(scope="module")
def hostile() -> Iterator[Redis]:
    with Redis().start() as server:
        with server.client() as client:
            for name in NAMES:
                client.set(name, "v" * 300_000)
        yield server


@pytest.mark.parametrize("form", ["table", "json", "markdown", "html", "csv"])
@pytest.mark.parametrize("command", [("bloat",), ("cache", "--interval", "0"), COMMANDS[0]])
def test_names_of_keys_are_data(
    hostile: Redis, tmp_path: Path, command: tuple[str, ...], form: str
) -> None:
    told = asked(hostile, tmp_path, *command, "-f", form).ok().out
    assert len(told) < 200_000
    assert "\0" not in told
    assert "<script>alert" not in told or form in ("json", "csv", "table")
    if form == "json" and command[0] == "bloat":
        report = json.loads(told)
        assert sum(one["keys"] for one in report["patterns"]) == len(NAMES)


def test_no_key_at_all(redis_server: Redis, tmp_path: Path) -> None:
    for command in COMMANDS:
        asked(redis_server, tmp_path, *command).ok()


# --------------------------------------------------------------------------------------- replicas


def test_a_replica_that_may_not_tell_what_it_has(
    new_redis: Callable[[], Redis], tmp_path: Path
) -> None:
    server = new_redis().start({"replicaof": "127.0.0.1 1", "replica-serve-stale-data": "no"})
    told = asked(server, tmp_path, "check", "--interval", "0", "-f", "json").json
    (found,) = (one for one in told["findings"] if one["rule"] == "redis.replica-disconnected")
    assert "was not up since the start" in found["message"]
    for command in COMMANDS[1:3]:
        report = asked(server, tmp_path, *command, "-f", "json").ok().json
        keys = skipped(report)["keys"]
        assert "can't be looked at now: MASTERDOWN" in keys["reason"]
        assert not keys["remedy"]  # no privilege would help
        assert report["memory" if command[0] == "bloat" else "cache"]


@pytest.mark.parametrize(
    ("seconds", "copying", "said"),
    [
        ("-1", "1", "was not up since the start; the data are being copied anew"),
        ("90", "0", "for 90 s"),
        ("", "0", "was not up"),
    ],
)
def test_for_how_long_a_replica_is_alone(seconds: str, copying: str, said: str) -> None:
    fields = {
        "role": "slave",
        "master_link_status": "down",
        "master_host": "db1",
        "master_port": "6379",
        "master_link_down_since_seconds": seconds,
        "master_sync_in_progress": copying,
    }
    (found,) = replica_disconnected(Info(fields, 0.0))
    assert said in found.message.replace("1 min 30 s", "90 s").replace("90.0 s", "90 s")


# ---------------------------------------------------------------------- servers that are not ready


def test_a_server_that_loads_its_data(new_redis: Callable[[], Redis], tmp_path: Path) -> None:
    slow = {"key-load-delay": 2000, "loading-process-events-interval-bytes": 1024}
    server = new_redis().start({**slow, "enable-debug-command": "local"})
    with server.client() as client:
        pipe = client.pipeline(transaction=False)
        for number in range(4000):
            pipe.set(f"k:{number}", "x" * 100)
        pipe.execute()

        def reload() -> None:
            with server.client() as other, contextlib.suppress(exceptions.TimeoutError):
                other.execute_command("DEBUG", "RELOAD")

        thread = Thread(target=reload)
        thread.start()
        until(lambda: _loads(client))
        for command in COMMANDS:
            told = asked(server, tmp_path, *command)
            if told.code != 0:  # some are answered by INFO alone
                assert "is loading the dataset" in told.err
                assert "try again when the server is ready" in told.err
        thread.join()


def _loads(client: Any) -> bool:
    try:
        client.get("k:1")
    except exceptions.BusyLoadingError:
        return True
    return False


def test_a_script_that_keeps_the_server_busy(
    new_redis: Callable[[], Redis], tmp_path: Path
) -> None:
    server = new_redis().start({"lua-time-limit": 50})

    def spin() -> None:
        with server.client() as client, pytest.raises(exceptions.ResponseError):
            client.eval("while true do end", 0)

    thread = Thread(target=spin)
    thread.start()
    until(lambda: _refuses(server))
    try:
        for command in COMMANDS:
            told = asked(server, tmp_path, *command)
            assert told.code == 3
            assert "a script runs on the server (SCRIPT KILL" in told.err
    finally:
        with server.client() as client:
            client.script_kill()
        thread.join()


def _refuses(server: Redis) -> bool:
    with server.client() as client:
        try:
            client.ping()
        except exceptions.ResponseError as error:
            return "BUSY" in str(error)
    return False


# ----------------------------------------------------------------------------------------- clusters


def test_a_node_that_has_failed_is_not_silently_left_out(tmp_path: Path) -> None:
    file = str(tmp_path / "c.json.gz")
    with RedisCluster() as cluster:
        cluster.start({"cluster-node-timeout": 3000, "cluster-require-full-coverage": "no"})
        gone = cluster.nodes[2]
        node = f"node {gone.host}:{gone.port}"
        gone.stop()
        first = cluster.nodes[0]
        now = asked(first, tmp_path, "activity", "--once", "--every", "0", "-f", "json").json
        assert node in skipped(now)
        with first.client() as client:

            def failed() -> bool:
                return "fail" in str(client.execute_command("CLUSTER", "NODES")).replace(
                    "fail?", ""
                )

            until(failed)
        for command in (*COMMANDS[1:3], COMMANDS[4]):
            told = skipped(asked(first, tmp_path, *command, "-f", "json").ok().json)
            assert told[node]["reason"] == "the cluster has marked it as failed"
        judged = dbtune("check", first.url(), "--interval", "0s", "-f", "json").json
        assert node in skipped(judged)
        broken = [one for one in judged["findings"] if one["rule"] == "redis.cluster-broken"]
        assert {one["level"] for one in broken} == {"critical"}
        assert len(broken) == 2  # as each of the others sees it, though their state is ok
        assert "5,460 are of nodes that do not answer" in broken[0]["message"]
        dbtune("snapshot", "-o", file, env={"REDIS_URL": first.url()}).ok()
    for saved in "cache", "check":
        report = dbtune(saved, "--from", file, "-f", "json").json
        assert node in skipped(report)
    cache = dbtune("cache", "--from", file, "-f", "json").ok().json
    assert len(cache["cache_by_node"]) == 2
