"""Checks on Redis in states that do not come by themselves: made, found, mended, and gone."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.conftest import missing
from tests.health import Found, eventually, findings
from tests.servers import HOST, Redis, find_redis, free_port


@pytest.fixture(scope="module")
def own() -> Iterator[Redis]:
    """A server of this file; its tests put back what they change."""
    if find_redis() is None:
        missing("redis-server")
    with Redis() as server:
        yield server.start({"slowlog-log-slower-than": 1000})


@contextlib.contextmanager
def stopped(server: Redis) -> Iterator[None]:
    """A process that does not run for a while."""
    os.kill(server.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server.pid, signal.SIGCONT)


def test_connections_that_nobody_uses(own: Redis) -> None:
    rule, limits = "redis.clients-mostly-idle", {"min_clients": 20.0}
    with contextlib.ExitStack() as held:
        for _ in range(30):
            held.enter_context(socket.create_connection((HOST, own.port)))
        assert findings(own, rule, limits=limits) == []  # not for an hour
        limits["min_idle_seconds"] = 1
        [found] = eventually(lambda: findings(own, rule, limits=limits), there=True)
        assert found["evidence"]["idle"] >= 15
    assert eventually(lambda: findings(own, rule, limits=limits), there=False) == []


def test_memory_that_is_fragmented(own: Redis) -> None:
    def fragmented() -> Found:
        return findings(own, "redis.memory-fragmented", min_bytes=5e6)

    with own.client() as client:
        client.flushall()
        assert eventually(fragmented, there=False) == []
        client.mset({f"k{n}": "x" * 500 for n in range(40_000)})
        client.delete(*(f"k{n}" for n in range(40_000) if n % 8))
        [found] = eventually(fragmented, there=True)
        assert found["evidence"]["lost_bytes"] > 5e6
        client.flushall()
    assert eventually(fragmented, there=False) == []


def test_memory_that_is_not_resident(own: Redis) -> None:
    # No test makes a machine swap: memory that was never touched is outside of RAM as well.
    rule = "redis.memory-swapped"
    assert findings(own, rule) == []
    with socket.create_connection((HOST, own.port)) as client:
        client.sendall(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$300000000\r\nx")
        [found] = eventually(lambda: findings(own, rule), there=True)
        assert found["evidence"]["used_memory_bytes"] > 300_000_000
    assert eventually(lambda: findings(own, rule), there=False) == []


def test_a_fork_and_a_save_that_fails(own: Redis) -> None:
    fork, fails = "redis.slow-fork", "redis.persistence-fails"
    least = {"min_ms": 0.001, "critical_ms": 0.001}

    def save() -> None:
        client.bgsave()
        assert eventually(_saving, there=False) == []

    def _saving() -> Found:
        return [{}] if client.info("persistence")["rdb_bgsave_in_progress"] else []

    with own.client() as client:
        client.config_resetstat()
        assert findings(own, fork, limits=least) == findings(own, fails) == []
        own.folder.chmod(0o500)
        save()
        [found] = findings(own, fails)
        assert found["subject"] == "rdb_last_bgsave_status"
        [forked] = findings(own, fork, limits=least)
        assert forked["evidence"]["fork_ms"] > 0
        own.folder.chmod(0o700)
        save()
        assert findings(own, fails) == []
        client.config_resetstat()
    assert findings(own, fork, limits=least) == []


def test_keys_that_expire_together(own: Redis) -> None:
    rule = "redis.many-keys-expire-at-once"
    limits = {"min_per_second": 100.0, "min_stale_percent": 0.5}

    def watched() -> Found:
        with own.client() as client, client.pipeline(transaction=False) as pipeline:
            for number in range(20_000):
                pipeline.set(f"s{number}", "x", px=100)
            pipeline.execute()
        return findings(own, rule, interval="300ms", limits=limits)

    assert findings(own, rule, interval="300ms", limits=limits) == []
    [found] = eventually(watched, there=True)
    assert found["evidence"]["expired_keys"] > 30

    def over() -> Found:
        return findings(own, rule, interval="300ms", limits=limits)

    assert eventually(over, there=False) == []


def test_a_script_and_a_server_that_stand_still(own: Redis) -> None:
    script, stalled = "redis.slow-script", "redis.server-stalled"
    with own.client() as client:
        client.slowlog_reset()
        assert findings(own, script, min_max_ms=1) == findings(own, stalled, min_max_ms=1) == []
        client.eval("local n = 0; for i = 1, 3000000 do n = n + i end; return n", 0)
        [found] = findings(own, script, min_max_ms=1)
        assert found["subject"].startswith("EVAL")

    def stall() -> Found:
        """Another process has the CPU, as on a machine that is too busy: in some INCR, by luck."""
        with own.client() as client, ThreadPoolExecutor(1) as threads:
            many = client.pipeline(transaction=False)
            for _ in range(20_000):
                many.incr("n")
            job = threads.submit(many.execute)
            while not job.done():
                with stopped(own):
                    time.sleep(0.003)
                time.sleep(0.0005)
        return findings(own, stalled, min_max_ms=1)

    [found] = eventually(stall, there=True)
    assert "INCR" in found["evidence"]["commands"]
    with own.client() as client:
        client.slowlog_reset()
    assert findings(own, script, min_max_ms=1) == findings(own, stalled, min_max_ms=1) == []


def test_a_cluster_without_all_slots(new_redis: Callable[[], Redis]) -> None:
    rule = "redis.cluster-broken"
    server = new_redis().start({"cluster-enabled": "yes", "cluster-port": free_port()})
    [found] = findings(server, rule)
    assert "of 16,384 slots 16,384 are no node's" in found["message"]
    with server.client() as client:
        client.execute_command("CLUSTER ADDSLOTS", *range(16_384))
    assert eventually(lambda: findings(server, rule), there=False) == []


def test_a_replica_that_lags(new_redis: Callable[[], Redis]) -> None:
    master = new_redis().start()
    replica = new_redis().start({"replicaof": f"{HOST} {master.port}"})

    def lag() -> Found:
        return findings(master, "redis.replica-lags", min_bytes=1e6, min_ratio=0)

    def joining() -> Found:
        return findings(replica, "redis.replica-disconnected")

    assert eventually(joining, there=False) == []
    assert eventually(lag, there=False) == []
    with stopped(replica), master.client() as client:
        client.mset({f"k{n}": "x" * 100_000 for n in range(30)})
        [found] = lag()
        assert found["evidence"]["behind_bytes"] > 1e6
    assert eventually(lag, there=False) == []
