"""Checks on MongoDB: the defect is made, found, mended, and gone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pymongo
import pytest

from dbtune.errors import Unavailable
from dbtune.finding import load_checks
from dbtune.mongo.facts.profiling import Profiling
from dbtune.mongo.health.checks import version_end_of_life
from dbtune.mongo.health.checks.many_collections import many_collections
from tests.command import dbtune
from tests.conftest import own_mongodb
from tests.health import eventually, findings, meanwhile
from tests.servers import MongoDB

CHECKS = {one.name: one for one in load_checks("dbtune.mongo.health.checks")}


def test_scans_sorts_and_reads(mongodb: MongoDB) -> None:
    with mongodb.client() as client:
        client.shop.orders.insert_many([{"a": n, "b": n % 7} for n in range(3000)])

    def work() -> None:
        with mongodb.client() as client:
            for number in range(40):
                list(client.shop.orders.find({"a": number}))
                list(client.shop.orders.find({"b": 3}).sort("a", 1).limit(1))

    def watched(rule: str, **limits: float) -> list[dict[str, Any]]:
        with meanwhile(work):
            return findings(mongodb, rule, interval="300ms", limits=limits)

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
        ("mongo.connections-not-kept", {"warning_per_second": 1.0}),
        ("mongo.many-errors", {"min_errors": 50.0, "min_per_second": 1.0}),
    ):
        watch = partial(findings, mongodb, rule, interval="300ms", limits=limits)
        with meanwhile(work):
            assert len(watch()) == 1, rule
        # What clients do when they leave is counted a moment later.
        assert eventually(watch, there=False) == []


def test_the_profiler(mongodb: MongoDB) -> None:
    with mongodb.client() as client:
        client.shop.orders.insert_one({"a": 1})
        assert findings(mongodb, "mongo.profiler-on") == []
        client.shop.command("profile", 2)
        [found] = findings(mongodb, "mongo.profiler-on")
        assert found["subject"] == "database shop"
        sql = 'db.getSiblingDB("shop").setProfilingLevel(1, {slowms: 100})'
        assert found["remedy"]["sql"] == sql
        client.shop.command("profile", 1, slowms=100)
        assert findings(mongodb, "mongo.profiler-on") == []
        client.shop.command("profile", 0)
    assert findings(mongodb, "mongo.profiler-on") == []


def test_very_many_collections(mongodb: MongoDB) -> None:
    rule = "mongo.many-collections"
    with mongodb.client() as client:
        for number in range(6):
            client.tenants[f"t{number}"].insert_one({})
        [found] = findings(mongodb, rule, max_files=11)
        assert "tenants has 12 of them" in found["message"]
        assert findings(mongodb, rule, max_files=12) == []
        client.drop_database("tenants")


def test_collections_that_were_not_looked_at_are_told() -> None:
    few, many = (Profiling("shop", 0, 100, collections=count) for count in (500, 501))
    assert list(many_collections((few,))) == []
    with pytest.raises(Unavailable, match="indexes of 500 of 501 collections"):
        list(many_collections((many,)))


def test_access_control(new_mongodb: Callable[[], MongoDB]) -> None:
    server = new_mongodb().start(auth=True)
    assert findings(server, "mongo.access-control-off") == []  # somebody logged in


def test_access_control_off_and_a_version_of_old(
    mongodb: MongoDB, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(findings(mongodb, "mongo.access-control-off")) == 1
    rule = "mongo.version-end-of-life"
    with mongodb.client() as client:
        series = ".".join(client.server_info()["version"].split(".")[:2])
    today = datetime.now(UTC).date()
    monkeypatch.setitem(version_end_of_life._END, series, today + timedelta(days=3000))
    assert findings(mongodb, rule) == []
    monkeypatch.setitem(version_end_of_life._END, series, today - timedelta(days=1))
    [found] = findings(mongodb, rule)
    assert series in found["message"]


def test_a_replica_set_of_one(mongodb_rs: MongoDB) -> None:
    [fragile] = findings(mongodb_rs, "mongo.majority-fragile")
    assert "single voting member" in fragile["message"]
    for rule in ("no-primary", "member-down", "secondary-lags", "oplog-window-short"):
        assert findings(mongodb_rs, f"mongo.{rule}") == []
    [window] = findings(mongodb_rs, "mongo.oplog-window-short", full_ratio=0)
    assert "replSetResizeOplog" in window["remedy"]["sql"]


def test_the_whole_on_a_real_server(mongodb: MongoDB) -> None:
    asked = ("check", "--interval", "300ms", "--strict", "-f", "json")
    made = dbtune(*asked, env={"MONGODB_URI": mongodb.url()})
    assert made.code == 0
    assert len(made.json["checks"]) >= 20
    # It is in no replica set: nothing of one is wrong, and nothing was left out.
    assert made.json["skipped"] == []


def test_a_member_that_waits_to_be_initiated() -> None:
    with own_mongodb() as server:
        server.start("--replSet", "later")
        made = dbtune("check", server.url(), "--interval", "0s", "-f", "json").json
    assert made["target"]["role"] != "standalone"
    skipped = {one["what"]: one["reason"] for one in made["skipped"]}
    assert "no replset config" in skipped["mongo.no-primary"]


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
