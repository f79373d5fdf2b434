"""Checks on Redis: the defect is made, found, mended, and gone."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable

from redis.exceptions import OutOfMemoryError

from tests.command import dbtune
from tests.health import Found, eventually, findings, meanwhile
from tests.servers import Redis

SAFE = {"maxmemory": "100mb", "maxmemory-policy": "allkeys-lfu", "latency-monitor-threshold": 100}


def test_a_limit_and_a_policy(new_redis: Callable[[], Redis]) -> None:
    server = new_redis().start({"latency-monitor-threshold": 0})
    [limit] = findings(server, "redis.maxmemory-unset")
    [watch] = findings(server, "redis.stalls-not-watched")
    assert limit["subject"] == "maxmemory"
    server = new_redis().start(f"{limit['remedy']['config']}\n{watch['remedy']['config']}")
    assert findings(server, "redis.maxmemory-unset") == []
    assert findings(server, "redis.stalls-not-watched") == []


def test_a_store_that_is_full(new_redis: Callable[[], Redis]) -> None:
    server = new_redis().start({"maxmemory": "8mb", "maxmemory-policy": "noeviction"})
    assert findings(server, "redis.memory-nearly-full") == []
    assert findings(server, "redis.writes-refused") == []
    with server.client() as client:
        for number in range(200):
            with contextlib.suppress(OutOfMemoryError):
                client.set(f"key:{number}", "x" * 100_000)
    assert findings(server, "redis.memory-nearly-full")[0]["level"] == "critical"
    assert len(findings(server, "redis.writes-refused")) == 1
    with server.client() as client:
        client.flushall()
        client.config_resetstat()
    assert findings(server, "redis.memory-nearly-full") == []
    assert findings(server, "redis.writes-refused") == []


def test_a_policy_that_evicts_nothing(new_redis: Callable[[], Redis]) -> None:
    server = new_redis().start({"maxmemory": "50mb", "maxmemory-policy": "volatile-lru"})
    with server.client() as client:
        client.mset({f"k{n}": "x" for n in range(1200)})
    [found] = findings(server, "redis.policy-evicts-nothing")
    assert "0 of 1,200 keys" in found["message"]
    with server.client() as client:
        client.config_set("maxmemory-policy", "allkeys-lfu")
    assert findings(server, "redis.policy-evicts-nothing") == []


def test_evictions_and_misses(new_redis: Callable[[], Redis]) -> None:
    server = new_redis().start({"maxmemory": "4mb", "maxmemory-policy": "allkeys-lru"})

    def work() -> None:
        with server.client() as client:
            for number in range(300):
                client.set(f"key:{number}", "x" * 20_000)
            for number in range(1500):
                client.get(f"key:{number}")

    with meanwhile(work):
        evicted = findings(server, "redis.keys-evicted", interval="300ms")
    assert evicted[0]["evidence"]["evicted_keys"] > 50
    [missed] = findings(server, "redis.low-hit-ratio", interval="0s")
    assert "of 1,500 look-ups hit" in missed["message"]
    with server.client() as client:
        client.config_resetstat()
    assert findings(server, "redis.keys-evicted", interval="300ms") == []
    assert findings(server, "redis.low-hit-ratio") == []


def test_connections(new_redis: Callable[[], Redis]) -> None:
    server = new_redis().start(SAFE | {"maxclients": 10})
    assert findings(server, "redis.clients-near-limit") == []
    assert findings(server, "redis.connections-rejected") == []
    held = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(8)]

    def near() -> Found:  # with dbtune's own; one that is being closed may still be there
        found = findings(server, "redis.clients-near-limit")
        return [one for one in found if one["evidence"]["connected_clients"] == 9]

    assert eventually(near, there=True)
    more = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(5)]
    more[-1].recv(100)  # the last is refused
    for one in (*held, *more):
        one.close()
    assert len(eventually(lambda: findings(server, "redis.connections-rejected"), there=True)) == 1
    assert eventually(lambda: findings(server, "redis.clients-near-limit"), there=False) == []

    with server.client() as client:
        client.config_set("maxclients", 1000)

    def work() -> None:
        for _ in range(60):
            socket.create_connection(("127.0.0.1", server.port)).close()

    limits = {"warning_per_second": 5.0}
    with meanwhile(work):
        churn = findings(server, "redis.connections-not-kept", interval="300ms", limits=limits)
    assert len(churn) == 1
    assert findings(server, "redis.connections-not-kept", interval="300ms", limits=limits) == []


def test_a_client_that_does_not_read(new_redis: Callable[[], Redis]) -> None:
    server = new_redis().start(SAFE)
    rule = "redis.output-buffer-large"
    with server.client() as client:
        client.set("large", "x" * 2_000_000)
    assert findings(server, rule) == []
    with socket.create_connection(("127.0.0.1", server.port)) as lazy:
        lazy.sendall(b"CLIENT SETNAME lazy\r\n" + b"GET large\r\n" * 30)
        [found] = eventually(lambda: findings(server, rule), there=True)
        assert found["subject"] == "client lazy (normal)"
    assert eventually(lambda: findings(server, rule), there=False) == []


def test_saving(new_redis: Callable[[], Redis]) -> None:
    server = new_redis().start({"maxmemory": "50mb"})
    with server.client() as client:
        client.mset({f"k{n}": "x" for n in range(1200)})
    assert len(findings(server, "redis.nothing-persists")) == 1
    assert findings(server, "redis.persistence-fails") == []
    assert findings(server, "redis.save-overdue") == []
    with server.client() as client:
        client.config_set("save", "3600 1")
        [overdue] = findings(server, "redis.save-overdue", warning_seconds=0)
        assert overdue["evidence"]["changes"] == 1200
        client.save()
    assert findings(server, "redis.nothing-persists") == []
    assert findings(server, "redis.save-overdue", warning_seconds=0, min_changes=1) == []


def test_a_cache_by_its_policy_need_not_persist(new_redis: Callable[[], Redis]) -> None:
    rule = "redis.nothing-persists"
    server = new_redis().start(SAFE | {"maxmemory-policy": "volatile-lru"})
    with server.client() as client:
        client.mset({f"k{n}": "x" for n in range(1200)})
        assert len(findings(server, rule)) == 1  # nothing of this is evicted: it is a store
        for n in range(1200):
            client.expire(f"k{n}", 3600)
        assert findings(server, rule) == []


def test_replication(new_redis: Callable[[], Redis]) -> None:
    master = new_redis().start(SAFE)
    replica = new_redis().start(SAFE | {"replicaof": f"127.0.0.1 {master.port}"})
    assert eventually(lambda: findings(replica, "redis.replica-disconnected"), there=False) == []
    assert findings(master, "redis.replica-lags") == []
    assert findings(master, "redis.full-resyncs") == []
    [synced] = findings(master, "redis.full-resyncs", min_times=1)
    assert synced["evidence"]["sync_full"] >= 1
    master.stop()
    [lost] = eventually(lambda: findings(replica, "redis.replica-disconnected"), there=True)
    assert f"127.0.0.1:{master.port} is down" in lost["message"]


def test_open_to_everybody(new_redis: Callable[[], Redis]) -> None:
    server = new_redis().start(SAFE | {"protected-mode": "no"})
    assert findings(server, "redis.open-to-everybody") == []  # it listens on this machine only


def test_events_that_held_everybody_up(new_redis: Callable[[], Redis]) -> None:
    server = new_redis().start(SAFE | {"enable-debug-command": "yes"})
    rule = "redis.server-stands-still"
    assert findings(server, rule) == []
    with server.client() as client:
        client.config_set("latency-monitor-threshold", 50)
        client.eval("local n = 0; for i = 1, 40000000 do n = n + i end; return n", 0)
    assert len(findings(server, rule, min_ms=50)) >= 1


def test_a_healthy_server_has_nothing_above_info(new_redis: Callable[[], Redis]) -> None:
    server = new_redis().start(SAFE)
    made = dbtune("check", "--interval", "300ms", "-f", "json", env={"REDIS_URL": server.url()})
    assert made.ok().json["summary"]["verdict"] in ("ok", "info")
    assert made.json["summary"]["skipped"] == 0
    assert len(made.json["checks"]) >= 20


def test_commands_that_take_long(new_redis: Callable[[], Redis]) -> None:
    server = new_redis().start({**SAFE, "slowlog-log-slower-than": 0})
    assert findings(server, "redis.keys-command") == []
    with server.client() as client:
        client.mset({f"k:{n}": n for n in range(20_000)})
        client.keys("*")
    [found] = findings(server, "redis.keys-command", min_max_ms=0.01)
    assert "KEYS" in found["subject"]
    with server.client() as client:
        client.slowlog_reset()
    assert findings(server, "redis.keys-command", min_max_ms=0.01) == []
    with server.client() as client:
        client.config_set("slowlog-log-slower-than", -1)
    made = dbtune("check", server.url(), "--only", "redis.keys-command", "--strict", "-f", "json")
    assert made.code == 4  # not seen is not clean


def test_large_keys(redis_server: Redis) -> None:
    assert findings(redis_server, "redis.large-keys") == []
    with redis_server.client() as client:
        client.set("page:17", "x" * 2_000_000)
        client.rpush("list:3", *["y" * 100] * 1000)
    [found] = findings(redis_server, "redis.large-keys")
    assert found["subject"] == "string page:<n>" or found["subject"].startswith("string page:")
    assert found["evidence"]["size_bytes"] > 2_000_000
    with redis_server.client() as client:
        client.unlink("page:17")
    assert findings(redis_server, "redis.large-keys") == []
