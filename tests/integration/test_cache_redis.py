"""cache on a real Redis: what it says of the traffic, and whether its prediction comes true."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread
from typing import Any

import jsonschema
import pytest

from tests.command import dbtune
from tests.servers import Redis
from tests.zipf import Traffic

MEMORY = 6 << 20
PREDICTED_WITHIN = 0.08
"""Of the hit ratio: traffic of a few seconds, on a machine that does much else; the benchmark
scripts/bench/redis-cache takes its time."""


def told(server: Redis, *more: str, **keywords: Any) -> Any:
    url = server.url(**keywords)
    return dbtune("cache", "-f", "json", *more, env={"REDIS_URL": url}).ok().json


def watched(server: Redis, traffic: Traffic) -> Any:
    """The report while traffic goes on."""
    done = Event()

    def go_on() -> None:
        while not done.is_set():
            traffic.run(lookups=3200)

    thread = Thread(target=go_on)
    thread.start()
    try:
        return told(server, "--interval", "2s")
    finally:
        done.set()
        thread.join()


@pytest.mark.parametrize("policy", ["allkeys-lfu", "allkeys-lru"])
def test_what_more_memory_buys_comes_true(new_redis: Callable[[], Redis], policy: str) -> None:
    server = new_redis().start({"maxmemory": MEMORY, "maxmemory-policy": policy})
    with Traffic(server, keys=30_000, exponent=0.9) as traffic:
        traffic.run(lookups=120_000)
        report = watched(server, traffic)
        jsonschema.validate(report, dbtune("schema", "cache").ok().json)
        sizes = {one["factor"]: one for one in report["memory_buys"]}
        assert sizes[1.0]["hit_ratio"] == pytest.approx(traffic.hits / traffic.lookups, abs=0.1)
        assert sizes[2.0]["low_ratio"] <= sizes[2.0]["hit_ratio"] <= sizes[2.0]["high_ratio"]
        if policy == "allkeys-lfu":
            with server.client() as client:
                client.config_set("maxmemory", 2 * MEMORY)
            traffic.run(lookups=150_000)
            after = traffic.run(lookups=40_000)
            assert sizes[2.0]["hit_ratio"] == pytest.approx(after, abs=PREDICTED_WITHIN)
            hottest = report["hot_keys"][0]
            assert hottest["share_ratio"] > 0.01
            assert hottest["counter"] > 10
        else:  # keys live for seconds only, and idle times are whole ones: no figure to rely on
            assert sizes[2.0]["hit_ratio"] > sizes[1.0]["hit_ratio"]
    rules = {one["rule"] for one in report["findings"]}
    assert "redis.cache-thrashes" in rules
    assert policy != "allkeys-lfu" or "redis.cache-too-small" in rules
    assert report["cache"]["evicted_per_second"] > 0
    assert report["cache"]["lifetime_seconds"] < 300


def test_a_cache_with_room_expects_nothing_of_more_memory(redis_server: Redis) -> None:
    with Traffic(redis_server, keys=500, exponent=0.5, ttl_seconds=3600) as traffic:
        report = watched(redis_server, traffic)
    assert "memory_buys" not in report
    reasons = {one["what"]: one["reason"] for one in report["skipped"]}
    assert "maxmemory is not set" in reasons["what more memory would buy"]
    family = report["families"][0]
    assert (family["pattern"], family["keys"], family["no_ttl_ratio"]) == ("item:*", 500, 0)
    assert 3_000_000 < family["ttl_p50_ms"] <= 3_600_000
    assert report["cache"]["hit_ratio"] > 0.5
    assert report["cache"]["evicted_per_second"] == 0


def test_looking_disturbs_neither_order_nor_counters(new_redis: Callable[[], Redis]) -> None:
    server = new_redis().start({"maxmemory": "100mb", "maxmemory-policy": "allkeys-lfu"})
    with server.client() as client:
        for number in range(200):
            client.set(f"k:{number}", "x")
        before = [client.object("freq", f"k:{number}") for number in range(200)]
        report = told(server, "--interval", "0")
        assert [client.object("freq", f"k:{number}") for number in range(200)] <= before
    assert report["families"][0]["hits_ratio"] is None or report["families"]
    assert report["cache"]["policy"] == "allkeys-lfu"


def test_keys_that_expire_together(redis_server: Redis) -> None:
    with redis_server.client() as client:
        pipe = client.pipeline(transaction=False)
        for number in range(3000):
            pipe.set(f"batch:{number}", "x", ex=7200)
            pipe.set(f"spread:{number}", "x", ex=600 + 2 * number)
        pipe.execute()
    report = told(redis_server, "--interval", "0")
    found = [one["subject"] for one in report["findings"] if one["rule"].endswith("together")]
    assert found == ["batch:*"]


def test_least_privilege(new_redis: Callable[[], Redis]) -> None:
    server = new_redis().start()
    with server.client() as client:
        client.set("a:1", "x")
        base = ("+info", "+client|setname", "+config|get")
        scan = ("+scan", "+type", "+pttl", "+memory|usage")
        for name, more in {
            "least": (*scan, "+object|idletime", "+object|freq"),
            "few": scan,
            "none": (),
        }.items():
            client.execute_command(
                "ACL", "SETUSER", name, "on", ">secret", "~*", "-@all", *base, *more
            )
    report = told(server, "--interval", "0", user="least", password="secret")
    assert report["families"][0]["pattern"] == "a:*"
    assert [one["what"] for one in report["skipped"]] == ["what more memory would buy"]
    few = told(server, "--interval", "0", user="few", password="secret")
    assert "families" not in few
    assert few["skipped"][0]["remedy"] == "ACL SETUSER few +object|idletime"
    assert few["cache"]["total_hit_ratio"] is None or few["cache"]["lookups_per_second"] >= 0
    none = told(server, "--interval", "0", user="none", password="secret")
    assert none["skipped"][0]["what"] == "keys"


def test_for_people_and_by_mistake(redis_server: Redis, tmp_path: Any) -> None:
    with redis_server.client() as client:
        client.set("odd\x1b[31m\n:1", "x", ex=100)
    env = {"REDIS_URL": redis_server.url()}
    for width in ("80", "200"):
        shown = dbtune("cache", "--interval", "0", env=env | {"COLUMNS": width}).ok().out
        assert "\x1b" not in shown
        assert max(map(len, shown.splitlines())) <= int(width)
    (tmp_path / "a.sql").write_text("SELECT 1")
    wrong = dbtune("cache", "--file", str(tmp_path / "a.sql"), env=env)
    assert wrong.code == 2
    assert "--file is for PostgreSQL" in wrong.err
    assert dbtune("cache", "--interval", "soon", env=env).code == 2


@pytest.mark.parametrize("policy", ["allkeys-lfu", "allkeys-lru"])
def test_of_a_snapshot(new_redis: Callable[[], Redis], tmp_path: Path, policy: str) -> None:
    server = new_redis().start({"maxmemory": MEMORY, "maxmemory-policy": policy})
    path = str(tmp_path / "redis.json.gz")
    with (
        Traffic(server, keys=30_000, exponent=0.9) as traffic,
        server.client() as client,
    ):
        traffic.run(lookups=60_000)
        # Keys that dbtune looks at count as hits: each of both counts its own traffic only.
        client.config_resetstat()
        asked = traffic.run(lookups=60_000)
        dbtune("snapshot", server.url(), "-o", path).ok()
        client.config_resetstat()
        traffic.run(lookups=60_000)
        live = told(server, "--interval", "0")
    report = dbtune("cache", "--from", path, "-f", "json").ok().json
    jsonschema.validate(report, dbtune("schema", "cache").ok().json)
    assert report["target"]["name"] == live["target"]["name"]
    assert report["cache"]["hit_ratio"] == pytest.approx(asked, abs=0.02)
    assert report["cache"]["evicted_per_second"] > 0
    (family,), (of_live,) = report["families"], live["families"]
    assert (family["pattern"], family["no_ttl_ratio"]) == (
        of_live["pattern"], of_live["no_ttl_ratio"])  # fmt: skip
    assert family["keys"] == pytest.approx(of_live["keys"], rel=0.1)
    sizes = {one["factor"]: one["hit_ratio"] for one in report["memory_buys"]}
    assert list(sizes) == [one["factor"] for one in live["memory_buys"]]
    assert sorted(sizes.values()) == list(sizes.values())
    for one in live["memory_buys"]:
        # Idle times are whole seconds, of keys that live for hardly more here.
        if policy == "allkeys-lfu" or one["factor"] == 1:
            assert sizes[one["factor"]] == pytest.approx(one["hit_ratio"], abs=0.15)
    if policy == "allkeys-lfu":
        assert report["hot_keys"][0]["pattern"] == "item:*"
        assert report["hot_keys"][0]["key"] is None  # a snapshot has no names of keys
        assert report["hot_keys"][0]["reads_per_second"] > 0
    else:
        assert "hot_keys" not in report
    assert "redis.cache-thrashes" in {one["rule"] for one in report["findings"]}


def test_what_a_snapshot_lacks(new_redis: Callable[[], Redis], tmp_path: Path) -> None:
    server = new_redis().start()
    with server.client() as client:
        client.set("a:1", "x")
        client.execute_command("ACL", "SETUSER", "few", "on", ">secret", "-@all", "+info",
                               "+client|setname")  # fmt: skip
    path = tmp_path / "redis.json.gz"
    url = server.url(user="few", password="secret")
    dbtune("snapshot", "-o", str(path), env={"REDIS_URL": url}).ok()
    report = dbtune("cache", "--from", str(path), "-f", "json").ok().json
    (keys, *_) = report["skipped"]
    assert keys["what"] == "keys"
    assert keys["remedy"].startswith("ACL SETUSER few ")
    assert "families" not in report
    assert report["cache"]["keys"] is None
    # One of a dbtune that did not know the sample, and mistakes.
    document = json.loads(gzip.decompress(path.read_bytes()))
    del document["facts"]["key_sample"]
    path.write_text(json.dumps(document))
    report = dbtune("cache", "--from", str(path), "-f", "json").ok().json
    assert report["skipped"][0]["reason"] == "the snapshot has no key sample"
    del document["facts"]["info"]
    path.write_text(json.dumps(document))
    for more, said in [
        ((), "has no counters: the snapshot has no info"),
        (("--interval", "5s"), "--interval needs a server"),
        (("--exact",), "--exact and --deadline need a server"),
        (("--file", str(path)), "--file is for PostgreSQL"),
        ((server.url(),), "give a TARGET or --from FILE, not both"),
    ]:
        wrong = dbtune("cache", *more, "--from", str(path))
        assert (wrong.code, said in wrong.err) == (2, True), wrong.err
        assert "Traceback" not in wrong.err
