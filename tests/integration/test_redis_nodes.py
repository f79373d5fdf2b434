"""Redis Cluster and Sentinel: every command reads all nodes, and says which node it speaks of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from dbtune.errors import UsageError
from dbtune.redis.sentinel import parse
from tests import servers
from tests.command import dbtune
from tests.conftest import missing
from tests.health import eventually
from tests.servers import Redis, RedisCluster, RedisSentinel

PASSWORD = "hunter2secret"
LEAST = (
    "~*", "-@all", "+slowlog|get", "+info", "+config|get", "+client|setname", "+client|list",
    "+latency|latest", "+cluster|info", "+cluster|shards", "+cluster|slots", "+scan", "+type",
    "+pttl", "+memory|usage", "+object|idletime", "+object|freq", "+object|encoding", "+hlen",
    "+scard", "+zcard",
)  # fmt: skip
"""What the README says that a user needs for everything."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[RedisCluster]:
    if servers.find_redis() is None:
        missing("redis-server")
    with RedisCluster() as made:
        made.start({"slowlog-log-slower-than": 0, "slowlog-max-len": 5000}, password=PASSWORD)
        for node in made.nodes:
            with node.client() as client:
                client.execute_command("ACL", "SETUSER", "least", "on", f">{PASSWORD}", *LEAST)
                client.execute_command(
                    "ACL", "SETUSER", "few", "on", f">{PASSWORD}", "~*", "-@all", "+slowlog|get",
                    "+info", "+config|get", "+client|setname",
                )  # fmt: skip
        with made.client() as client:
            for number in range(600):
                client.set(f"user:{number}", "x" * 50)
                client.get(f"user:{number}")
        yield made


def names(cluster: RedisCluster) -> set[str]:
    return {f"{node.host}:{node.port}" for node in cluster.nodes}


def told(cluster: RedisCluster, command: str, *more: str, user: str = "least") -> Any:
    url = cluster.nodes[1].url(user=user, password=PASSWORD)
    made = dbtune(command, "-f", "json", *more, env={"REDIS_URL": url})
    assert made.code in (0, 1), made.err
    assert PASSWORD not in made.out + made.err
    jsonschema.validate(made.json, dbtune("schema", command).ok().json)
    return made.json


def test_bloat_counts_the_keys_of_all_nodes(cluster: RedisCluster) -> None:
    report = told(cluster, "bloat")
    assert {one["node"] for one in report["patterns"]} == names(cluster)
    assert sum(one["keys"] for one in report["patterns"]) == 600
    assert {one["node"] for one in report["memory_by_node"]} == names(cluster)
    assert set(report["target"]["nodes"]) == names(cluster)
    assert not any("only this node" in note for note in report["notes"])
    assert report["skipped"] == []


def test_slow_queries_of_all_nodes(cluster: RedisCluster) -> None:
    report = told(cluster, "slow-queries", "-n", "1000")
    gets = [one for one in report["statements"] if one["statement"] == "GET user:*"]
    assert {one["node"] for one in gets} == names(cluster)
    totals = [one["total_ms"] for one in report["statements"]]
    assert totals == sorted(totals, reverse=True)
    assert not any("only this node" in note for note in report["notes"])


def test_check_says_which_node(cluster: RedisCluster) -> None:
    report = told(cluster, "check", "--interval", "0", "--exclude", "redis.large-keys")
    assert {one["target"] for one in report["targets"]} == names(cluster)
    found = [one for one in report["findings"] if one["rule"] == "redis.maxmemory-unset"]
    assert {one["subject"].rpartition(": ")[0] for one in found} == names(cluster)


def test_cache_of_all_nodes(cluster: RedisCluster) -> None:
    report = told(cluster, "cache", "--interval", "0")
    assert {one["node"] for one in report["cache_by_node"]} == names(cluster)
    assert sum(one["keys"] for one in report["families"]) == 600


def test_activity_of_all_nodes(cluster: RedisCluster) -> None:
    with cluster.client() as client:
        client.set("user:1", "x")
        report = told(cluster, "activity", "--once")
    assert {one["node"] for one in report["now"]} == names(cluster)


def test_a_snapshot_holds_all_nodes(cluster: RedisCluster, tmp_path: Path) -> None:
    file = str(tmp_path / "c.json.gz")
    url = cluster.nodes[0].url(user="least", password=PASSWORD)
    dbtune("snapshot", "-o", file, env={"REDIS_URL": url}).ok()
    made = dbtune("check", "--from", file, "-f", "json")
    assert {one["target"] for one in made.json["targets"]} == names(cluster)


def test_who_may_not_ask_for_nodes_reads_one(cluster: RedisCluster) -> None:
    report = told(cluster, "slow-queries", user="few")
    skipped = {one["what"]: one for one in report["skipped"]}
    assert skipped["the other nodes"]["remedy"] == "ACL SETUSER few +cluster|shards"
    assert any("only this node" in note for note in report["notes"])
    assert report["statements"]


def test_a_node_that_is_gone_hides_none_of_the_others() -> None:
    if servers.find_redis() is None:
        missing("redis-server")
    with RedisCluster() as made:
        made.start()
        gone = made.nodes[2]
        gone.stop()
        url = made.nodes[0].url()
        report = dbtune("bloat", "-f", "json", env={"REDIS_URL": url}).ok().json
    assert [one["what"] for one in report["skipped"]] == [f"node {gone.host}:{gone.port}"]
    assert len(report["memory_by_node"]) == 2


# --------------------------------------------------------------------------------------- Sentinel


@pytest.fixture
def watched(new_redis: Callable[[], Redis]) -> Iterator[tuple[Redis, Redis, RedisSentinel]]:
    master = new_redis().start({"repl-diskless-sync-delay": 0}, password=PASSWORD)
    replica = new_redis().start(
        f"replicaof {master.host} {master.port}\nmasterauth {PASSWORD}\n", password=PASSWORD
    )
    with RedisSentinel().start(master, "shop", password="other4711") as sentinel:

        def up() -> list[Any]:
            with master.client() as client:
                return [1] if "'online'" in str(client.execute_command("INFO")) else []

        eventually(up, there=True)
        yield master, replica, sentinel


def url_of(sentinel: RedisSentinel, service: str = "shop", word: str = "other4711") -> str:
    place = f"127.0.0.1:1,127.0.0.1:{sentinel.port}/{service}/0"  # the first does not answer
    return f"redis+sentinel://:{PASSWORD}@{place}?sentinel_password={word}"


def test_sentinel_names_the_master_and_its_replicas(
    watched: tuple[Redis, Redis, RedisSentinel],
) -> None:
    master, replica, sentinel = watched
    with master.client() as client:
        client.set("a:1", "x")
    env = {"REDIS_URL": url_of(sentinel)}

    def asked() -> list[Any]:
        report = dbtune("slow-queries", "-f", "json", env=env).ok().json
        nodes = report["target"]["nodes"]
        return [report] if len(nodes) == 2 else []

    (report,) = eventually(asked, there=True)
    assert report["target"]["nodes"] == [f"127.0.0.1:{one.port}" for one in (master, replica)]
    keys = dbtune("bloat", "-f", "json", env=env).ok()
    assert keys.json["target"]["nodes"] == [f"127.0.0.1:{master.port}"]  # replicas have the same
    assert PASSWORD not in keys.out + keys.err
    wrong = dbtune("bloat", env={"REDIS_URL": url_of(sentinel, "nope")})
    assert wrong.code == 3
    assert "no Sentinel tells the master of nope" in wrong.err
    assert "do not know it" in wrong.err
    assert "<redis" not in wrong.err
    assert "other4711" not in wrong.err
    locked = dbtune("bloat", env={"REDIS_URL": url_of(sentinel, word="wrong999")})
    assert locked.code == 3
    assert "wrong999" not in locked.err


def test_sentinel_urls() -> None:
    found = parse("rediss+sentinel://u:p%40@a,[::1]:7,b:8/my%20shop?ssl_ca_certs=x", "TARGET")
    assert found.sentinels == (("a", 26379), ("::1", 7), ("b", 8))
    assert found.service == "my shop"
    assert found.url("h", 1) == "rediss://u:p%40@h:1/0?ssl_ca_certs=x"
    assert found.url("::2", 1).startswith("rediss://u:p%40@[::2]:1/")
    for wrong in ("redis+sentinel://a:1", "redis+sentinel://a:1/", "redis+sentinel://a/s/x"):
        with pytest.raises(UsageError, match="names the service"):
            parse(wrong, "TARGET")
