"""Checks on MongoDB: the defect is made, found, mended, and gone."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pymongo

from dbtune.finding import load_checks
from dbtune.mongo.facts.members import Member, Oplog, ReplicaSet
from dbtune.mongo.facts.profiling import Profiling
from dbtune.mongo.facts.status import Status
from tests.command import dbtune
from tests.health import findings
from tests.servers import MongoDB

CHECKS = {one.name: one for one in load_checks("dbtune.mongo.health.checks")}


def of_status(rule: str, *, user: str = "u", version: str = "8.0.1", **more: Any) -> int:
    """How much a rule finds in a serverStatus that no server can be brought to in a test's time."""
    numbers = {name.replace("__", " ").replace("_DOT_", "."): float(value)
               for name, value in more.pop("numbers").items()}  # fmt: skip
    status = Status(numbers, version, 10.0, 0.0, user=user)
    return len(CHECKS[rule](status, **more))


def test_scans_sorts_and_reads(mongodb: MongoDB) -> None:
    with mongodb.client() as client:
        client.shop.orders.insert_many([{"a": n, "b": n % 7} for n in range(3000)])

    def work() -> None:
        with mongodb.client() as client:
            for number in range(40):
                list(client.shop.orders.find({"a": number}))
                list(client.shop.orders.find({"b": 3}).sort("a", 1).limit(1))

    def watched(rule: str, **limits: float) -> list[dict[str, Any]]:
        thread = threading.Timer(0.7, work)
        thread.start()
        found = findings(mongodb, rule, interval="3s", limits=limits)
        thread.join()
        return found

    assert len(watched("mongo.collection-scans")) == 1
    assert len(watched("mongo.reads-far-more-than-it-returns")) == 1
    assert len(watched("mongo.sorts-without-index", min_per_second=1)) == 1
    for rule in ("collection-scans", "reads-far-more-than-it-returns", "sorts-without-index"):
        assert findings(mongodb, f"mongo.{rule}", interval="300ms") == []


def test_connections_and_errors(mongodb: MongoDB) -> None:
    def work() -> None:
        for number in range(40):
            with mongodb.client() as client:
                client.shop.counters.update_one({"_id": number}, {"$set": {"a": 1}}, upsert=True)
                for _ in range(5):
                    try:
                        client.shop.counters.insert_one({"_id": number})
                    except pymongo.errors.DuplicateKeyError:
                        continue

    for rule, limits in (
        ("mongo.connections-not-kept", {}),
        ("mongo.many-errors", {"min_errors": 50.0, "min_per_second": 5.0}),
    ):
        thread = threading.Timer(0.5, work)
        thread.start()
        assert len(findings(mongodb, rule, interval="4s", limits=limits)) == 1, rule
        thread.join()
        assert findings(mongodb, rule, interval="300ms", limits=limits) == []


def test_the_profiler(mongodb: MongoDB) -> None:
    with mongodb.client() as client:
        client.shop.orders.insert_one({"a": 1})
        assert findings(mongodb, "mongo.profiler-on") == []
        client.shop.command("profile", 2)
        [found] = findings(mongodb, "mongo.profiler-on")
        assert found["subject"] == "database shop"
        client.shop.command("profile", 0)
    assert findings(mongodb, "mongo.profiler-on") == []


def test_access_control(new_mongodb: Callable[[], MongoDB]) -> None:
    server = new_mongodb().start(auth=True)
    assert findings(server, "mongo.access-control-off") == []  # somebody logged in


def test_access_control_off_and_versions(mongodb: MongoDB) -> None:
    assert len(findings(mongodb, "mongo.access-control-off")) == 1
    rule = CHECKS["mongo.version-end-of-life"]
    new, old = (Status({}, version, 1.0, 0.0) for version in ("8.0.1", "5.0.3"))
    assert rule(new, as_of="2026-11-28") == []
    assert rule(old, as_of="2026-11-28")[0].level == 2
    assert rule(new, as_of="2029-10-01")[0].level == 1


def test_a_replica_set_of_one(mongodb_rs: MongoDB) -> None:
    [fragile] = findings(mongodb_rs, "mongo.majority-fragile")
    assert "single voting member" in fragile["message"]
    for rule in ("no-primary", "member-down", "secondary-lags", "oplog-window-short"):
        assert findings(mongodb_rs, f"mongo.{rule}") == []
    [window] = findings(mongodb_rs, "mongo.oplog-window-short", full_ratio=0)
    assert "replSetResizeOplog" in window["remedy"]["sql"]


def test_sets_that_are_not_whole() -> None:
    def rules(*members: Member, voting: int = 3) -> set[str]:
        named = ReplicaSet("rs", members, voting, 2)
        return {
            name for name, one in CHECKS.items() if one.needs == ("replica_set",) and one(named)
        }

    first, second = Member("a", "PRIMARY", True), Member("b", "SECONDARY", True, 0.5)
    assert rules(first, second, second) == set()
    assert rules(first, Member("b", "SECONDARY", True, 60.0), second) == {"mongo.secondary-lags"}
    assert rules(first, Member("b", "(not reachable/healthy)", False), second) == {
        "mongo.member-down"
    }
    assert rules(second, second, Member("c", "SECONDARY", True)) == {"mongo.no-primary"}
    assert rules(first, second, voting=2) == {"mongo.majority-fragile"}
    assert CHECKS["mongo.oplog-window-short"](Oplog(1e6, 900, 1000)) == []
    assert CHECKS["mongo.oplog-window-short"](Oplog(60, 900, 1000))[0].level == 3
    assert CHECKS["mongo.indexes-outweigh-data"]((Profiling("d", 0, 100, 1, 9, 10, 5, 10**9),))
    assert not CHECKS["mongo.indexes-outweigh-data"]((Profiling("d", 0, 100, 1, 9, 10, 5, 10),))


def test_states_that_no_test_can_bring_a_server_to() -> None:
    cache, size = "wiredTiger.cache.", {"wiredTiger.cache.maximum bytes configured": 100}
    used = f"{cache}bytes currently in the cache"
    dirty = f"{cache}tracked dirty bytes in the cache"
    evicted = f"{cache}pages evicted by application threads"
    tickets = "wiredTiger.concurrentTransactions.read."
    for rule, bad, good in (
        ("connections-near-limit", {"connections.current": 90, "connections.available": 10},
         {"connections.current": 10, "connections.available": 90}),
        ("cache-nearly-full", size | {used: 95}, size | {used: 80}),
        ("cache-dirty", size | {dirty: 15}, size | {dirty: 5}),
        ("applications-evict-pages", {evicted: 1000}, {evicted: 5}),
        ("tickets-exhausted", {f"{tickets}totalTickets": 128, f"{tickets}available": 2},
         {f"{tickets}totalTickets": 128, f"{tickets}available": 100}),
        ("operations-queue", {"globalLock.currentQueue.total": 30}, {}),
        ("writes-conflict", {"metrics.operation.writeConflicts": 100, "opcounters.update": 200},
         {"metrics.operation.writeConflicts": 100, "opcounters.update": 20_000}),
        ("cursors-time-out", {"metrics.cursor.timedOut": 5}, {}),
        ("cursors-open", {"metrics.cursor.open.noTimeout": 500}, {"metrics.cursor.open.total": 9}),
        ("checkpoint-slow", {"wiredTiger.transaction.transaction checkpoint most recent time "
                             "(msecs)": 90_000}, {}),
        ("flow-control-active", {"flowControl.isLagged": 1}, {}),
    ):  # fmt: skip
        assert of_status(f"mongo.{rule}", numbers=bad) == 1, rule
        assert of_status(f"mongo.{rule}", numbers=good) == 0, rule


def test_the_whole_on_a_real_server(mongodb: MongoDB) -> None:
    made = dbtune("check", "--interval", "300ms", "-f", "json", env={"MONGODB_URI": mongodb.url()})
    assert made.code == 0
    assert len(made.json["checks"]) >= 20
    skipped = {one["what"] for one in made.json["skipped"]}  # it is in no replica set
    assert skipped == {
        name for name, one in CHECKS.items() if one.needs in (("replica_set",), ("oplog",))
    }


def test_indexes(mongodb_rs: MongoDB) -> None:
    with mongodb_rs.client() as client:
        client.shop.orders.insert_many([{"a": n, "b": n, "c": n} for n in range(100)])
        assert findings(mongodb_rs, "mongo.unused-index", min_days=0) == []
        client.shop.orders.create_index([("a", 1)])
        client.shop.orders.create_index([("a", 1), ("b", 1)])
        client.shop.orders.create_index(
            [("c", 1)], partialFilterExpression={"b": {"$gt": datetime.now(UTC)}}
        )
        [redundant] = findings(mongodb_rs, "mongo.redundant-index")
        assert "a_1" in redundant["subject"]
        unused = findings(mongodb_rs, "mongo.unused-index", min_days=0)
        assert len(unused) == 3
        client.shop.orders.drop_indexes()
    for rule in ("mongo.redundant-index", "mongo.unused-index"):
        assert findings(mongodb_rs, rule) == []


def test_a_snapshot_holds_indexes(mongodb_rs: MongoDB, tmp_path: Path) -> None:
    with mongodb_rs.client() as client:
        client.shop.orders.insert_one({"a": 1})
        client.shop.orders.create_index(
            [("a", 1)], partialFilterExpression={"b": {"$gt": datetime.now(UTC)}}
        )
        client.shop.orders.create_index([("a", 1), ("b", 1)])
        client.shop.orders.create_index([("a", -1)], collation={"locale": "de"})
    file = tmp_path / "s.json.gz"
    dbtune("snapshot", mongodb_rs.url(), "-o", str(file)).ok()
    found = dbtune("check", "--from", str(file), "--only", "indexes", "-f", "json")
    assert found.code == 0, found.err
    assert not [one for one in found.json["skipped"] if "unused" not in one["what"]]
