"""Checks on Redis, of literals: what is wrong is found, and what is just below is not."""

from __future__ import annotations

from dbtune.finding import Finding, load_checks
from dbtune.redis.facts.cluster import Cluster
from dbtune.redis.facts.config import Config
from dbtune.redis.facts.info import Info
from dbtune.redis.health.checks.memory_nearly_full import evicts

CHECKS = {one.name: one for one in load_checks("dbtune.redis.health.checks")}


def of_info(rule: str, *more: object, **fields: object) -> list[Finding]:
    """What a rule finds in an INFO."""
    info = Info({key: str(value) for key, value in fields.items()}, 0.0)
    return CHECKS[rule](*[info, *more][: len(CHECKS[rule].needs)])


def test_open_to_everybody() -> None:
    config = {"protected-mode": "no", "bind": "0.0.0.0"}
    rule = CHECKS["redis.open-to-everybody"]
    assert len(rule(Config(config, with_password=False))) == 1
    assert rule(Config(config, with_password=True)) == []
    for bound in ("* -::*", "", "10.0.0.1 127.0.0.1", "cache.internal"):
        assert len(rule(Config(config | {"bind": bound}, with_password=False))) == 1, bound
    assert rule(Config(config | {"port": "0", "tls-port": "0"}, with_password=False)) == []
    for bound in ("127.0.0.1 -::1", "localhost", "127.0.1.1 0:0:0:0:0:0:0:1"):
        assert rule(Config(config | {"bind": bound}, with_password=False)) == [], bound


def test_numbers_of_info() -> None:
    fragmented = {"allocator_frag_ratio": 2.0, "allocator_frag_bytes": 2e8, "used_memory": 1e8}
    assert len(of_info("redis.memory-fragmented", **fragmented)) == 1
    assert of_info("redis.memory-fragmented", **(fragmented | {"allocator_frag_bytes": 1e7})) == []
    swapped = {"used_memory": 1e9, "used_memory_rss": 5e8}
    assert len(of_info("redis.memory-swapped", **swapped)) == 1
    assert of_info("redis.memory-swapped", **(swapped | {"used_memory": 1e8})) == []
    fork = {"latest_fork_usec": 300_000, "used_memory": 1e9}
    assert len(of_info("redis.slow-fork", **fork)) == 1
    assert of_info("redis.slow-fork", **(fork | {"latest_fork_usec": 9000})) == []
    assert len(of_info("redis.disk-slows-writes", aof_delayed_fsync=5, uptime_in_seconds=10)) == 1
    assert of_info("redis.disk-slows-writes", aof_delayed_fsync=0) == []
    assert len(of_info("redis.persistence-fails", rdb_last_bgsave_status="err")) == 1
    assert of_info("redis.persistence-fails", rdb_last_bgsave_status="ok") == []
    storm = {"expired_keys": 10_000, "uptime_in_seconds": 10, "expired_stale_perc": 30}
    assert len(of_info("redis.many-keys-expire-at-once", **storm)) == 1
    assert of_info("redis.many-keys-expire-at-once", **(storm | {"expired_keys": 10})) == []
    lag = {
        "master_repl_offset": 10**9, "repl_backlog_size": 10**6,
        "slave0": "ip=1.2.3.4,port=6379,state=online,offset=100,lag=1",
    }  # fmt: skip
    assert len(of_info("redis.replica-lags", **lag)) == 1
    assert of_info("redis.replica-lags", **(lag | {"master_repl_offset": 200})) == []


def test_a_cache_is_full_by_design_a_store_is_not() -> None:
    full = {"maxmemory": "100", "used_memory": "99", "db0": "keys=100,expires=1,avg_ttl=1"}
    for policy, evicted in (
        ("allkeys-lru", True),
        ("noeviction", False),
        ("volatile-lru", False),  # hardly a key has a TTL
    ):
        assert evicts(Info(full, 0.0), policy) is evicted
    rich = full | {"db0": "keys=100,expires=50,avg_ttl=1"}
    assert evicts(Info(rich, 0.0), "volatile-lru")


def test_a_cluster_that_does_not_serve_all() -> None:
    rule = CHECKS["redis.cluster-broken"]
    [found] = rule(Cluster(True, "fail", 16_384, 100, 3))
    assert "0 are no node's, 100 are of nodes" in found.message
    assert rule(Cluster(True, "ok", 16_384)) == rule(Cluster(False)) == []
