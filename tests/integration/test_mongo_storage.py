"""bloat on a real mongod: what is predicted is what compact gives back."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import bson
import jsonschema
import pymongo
import pymongo.errors
import pytest

from dbtune.mongo.storage.checks.wasted_storage import wasted_storage
from dbtune.mongo.storage.facts import CollectionStorage
from dbtune.mongo.storage.fresh_size import fresh_ratio
from tests.command import dbtune
from tests.conftest import own_mongodb
from tests.servers import MongoDB

Client = pymongo.MongoClient[dict[str, Any]]
COMPRESSORS = ("snappy", "zlib", "zstd", "none")
WORDS = [f"word{n * 7919 % 1009}" for n in range(500)]


def document(rng: random.Random, number: int) -> dict[str, Any]:
    return {
        "_id": number,
        "status": rng.choice(["new", "done", "paid"]),
        "amount": rng.random() * 100,
        "customer": rng.randrange(10_000),
        "note": " ".join(rng.choices(WORDS, k=25)),
    }


@pytest.fixture(scope="module")
def server() -> Iterator[MongoDB]:
    with own_mongodb() as started:
        started.start()
        rng = random.Random(5)
        with started.client() as client:
            kinds = {name: name for name in COMPRESSORS} | {"emptied": "none", "thinned": "zlib"}
            for name, compressor in kinds.items():
                config = {"wiredTiger": {"configString": f"block_compressor={compressor}"}}
                made = client.shop.create_collection(name, storageEngine=config)
                made.insert_many(document(rng, n) for n in range(20_000))
            client.shop.snappy.create_index("note")
            client.shop.tiny.insert_one({})
            client.admin.command("fsync", 1)
        yield started


def told(server: MongoDB, *more: str) -> Any:
    return dbtune("bloat", server.url(), "--min-size", "100kB", "-f", "json", *more).ok().json


def of(report: Any, name: str) -> Any:
    return next(one for one in report["collections"] if one["namespace"] == f"shop.{name}")


@pytest.mark.parametrize("compressor", COMPRESSORS)
def test_a_fresh_files_size_is_estimated_within_a_tenth(server: MongoDB, compressor: str) -> None:
    with server.client() as client:
        stats = client.shop.command("collStats", compressor)
        sample = [bson.encode(one) for one in client.shop[compressor].find().limit(1500)]
    ratio = fresh_ratio(sample, compressor)
    assert ratio == pytest.approx(stats["storageSize"] / stats["size"], rel=0.1)


def test_a_fresh_file_wastes_nothing(server: MongoDB) -> None:
    report = told(server)
    jsonschema.validate(report, dbtune("schema", "bloat").ok().json)
    for one in (of(report, name) for name in COMPRESSORS):
        assert one["method"] == "sample"
        assert one["bloat_low_bytes"] <= 0.1 * one["size_bytes"]
    assert not report["findings"]
    assert report["summary"]["small"] >= 1


def test_what_deletes_leave_is_what_compact_gives_back(server: MongoDB) -> None:
    with server.client() as client:
        client.shop.emptied.delete_many({"_id": {"$not": {"$mod": [4, 0]}}})
        client.admin.command("fsync", 1)
        before = of(told(server), "emptied")
        statistics = of(told(server, "--statistics-only"), "emptied")
        size = client.shop.command("collStats", "emptied")["storageSize"]
        client.shop.command("compact", "emptied")
        freed = size - client.shop.command("collStats", "emptied")["storageSize"]
    assert before["bloat_low_bytes"] <= before["bloat_bytes"] <= before["bloat_high_bytes"]
    assert before["bloat_bytes"] == pytest.approx(0.75 * before["size_bytes"], rel=0.15)
    # Compact moves blocks to the front as far as it can: never more than is predicted.
    assert freed <= before["bloat_high_bytes"]
    assert statistics["method"] == "statistics"
    assert statistics["bloat_high_bytes"] is None
    assert statistics["bloat_bytes"] == before["free_bytes"]


def test_the_finding_and_its_remedy(server: MongoDB, tmp_path: Any) -> None:
    with server.client() as client:
        client.shop.thinned.delete_many({"_id": {"$not": {"$mod": [10, 0]}}})
        client.admin.command("fsync", 1)
    settings = tmp_path / "dbtune.yaml"
    settings.write_text(
        f"profiles:\n  here:\n    url: {server.url()}\n    thresholds:\n"
        "      mongo.wasted-storage: {min_bytes: 1000}\n"
    )
    result = dbtune(
        "bloat", "here", "--min-size", "100kB", "-f", "json", env={"DBTUNE_CONFIG": str(settings)}
    ).ok()
    found = {one["subject"]: one for one in result.json["findings"]}
    assert found["shop.thinned"]["level"] == "warning"
    assert found["shop.thinned"]["remedy"]["sql"] == (
        'db.getSiblingDB("shop").runCommand({compact: "thinned"})'
    )
    assert "shop.zstd" not in found


def test_views_time_series_and_capped_collections(mongodb: MongoDB) -> None:
    with mongodb.client() as client:
        shop = client.shop
        shop.plain.insert_many({"n": n} for n in range(100))
        shop.command("create", "view", viewOn="plain", pipeline=[])
        shop.create_collection("capped", capped=True, size=100_000)
        shop.capped.insert_one({})
        shop.create_collection("series", timeseries={"timeField": "at", "metaField": "of"})
        now = datetime.now(UTC)
        shop.series.insert_many({"at": now + timedelta(minutes=n), "of": 1} for n in range(5000))
        client.admin.command("fsync", 1)
        with pytest.raises(pymongo.errors.OperationFailure):  # which the remedy relies on
            shop.command("compact", "series")
    report = dbtune("bloat", mongodb.url(), "--min-size", "1", "-f", "json").ok().json
    found = {one["namespace"]: one for one in report["collections"]}
    assert found.keys() == {"shop.plain", "shop.capped", "shop.series"}
    assert found["shop.series"]["documents"] > 0
    assert "time series" in found["shop.series"]["note"]
    assert "capped" in found["shop.capped"]["note"]
    assert report["skipped"] == []
    series = CollectionStorage("shop.series", 9, 9, 400 << 20, 300 << 20, time_series=True)
    (waste,) = wasted_storage([series], "6.0.5", "primary")
    assert "can't be compacted" in waste.remedy.text
    assert not waste.remedy.sql


def test_one_database_and_less_privilege(new_mongodb: Any) -> None:
    server = new_mongodb().start(auth=True)
    rng = random.Random(6)
    with server.client() as client:
        client.shop.orders.insert_many(document(rng, n) for n in range(3000))
        client.other.things.insert_many(document(rng, n) for n in range(3000))
        for name, roles in (("monitor", ["clusterMonitor"]), ("nobody", [])):
            client.admin.command("createUser", name, pwd="secret", roles=roles)
    root = server.url()
    only = dbtune("bloat", root, "--schema", "shop", "--min-size", "1", "-f", "json").ok().json
    assert [one["namespace"] for one in only["collections"]] == ["shop.orders"]
    wrong = dbtune("bloat", root, "--schema", "shopp", "--min-size", "1")
    assert (wrong.code, "no database shopp" in wrong.err) == (2, True)
    monitor = server.url(user="monitor", password="secret")
    report = dbtune("bloat", monitor, "--min-size", "1", "-f", "json").ok().json
    assert report["collections"][0]["method"] == "statistics"
    assert "may not read" in report["skipped"][0]["reason"]
    nobody = dbtune("bloat", server.url(user="nobody", password="secret"))
    assert nobody.code in (0, 3)
    assert "Traceback" not in nobody.err
