"""A real mongod's log, and a real mongod's load."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pymongo
import pytest

from dbtune.cli import pool_size as pool_size_command
from dbtune.cli import slow_queries as slow_queries_command
from dbtune.render.document import schema as json_schema
from tests.command import Result, dbtune
from tests.conftest import own_mongodb
from tests.servers import MongoDB

Client = pymongo.MongoClient[dict[str, Any]]
SECRET = "pk4711secretvalue"


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a member of a replica set logged of a workload, and of losing its primary."""
    path = tmp_path_factory.mktemp("log") / "mongod.log"
    with own_mongodb() as server:
        server.start(rs=True)
        with server.client() as root:
            root.shop.orders.insert_many({"_id": n, "a": n % 10} for n in range(1000))
            root.shop.command("profile", 0, slowms=-1)
            with Client(server.url(), appname="shop-web") as app:
                workload(app)
            root.admin.command("replSetStepDown", 1, secondaryCatchUpPeriodSecs=0, force=True)
            path.write_text(server.log())
    return path


def workload(client: Client) -> None:
    orders = client.shop.orders
    for number in range(7):
        list(orders.find({"a": number, "note": {"$ne": SECRET}}).sort("b", -1).limit(3))
        list(orders.find({"_id": {"$in": [*range(number + 1)]}}))
        orders.update_one({"_id": number}, {"$set": {"note": SECRET}})
    list(orders.find({"a": {"$gte": 0}}).batch_size(100))
    list(orders.aggregate([{"$match": {"a": 1}}, {"$group": {"_id": "$b"}}]))
    with pytest.raises(pymongo.errors.OperationFailure):
        list(orders.find({"loc": {"$near": [1, 1]}}))


@pytest.fixture(scope="module")
def told(logged: Path) -> Result:
    return dbtune("slow-queries", "--log", str(logged), "-f", "json", "-n", "1000").ok()


@pytest.mark.parametrize(
    ("text", "calls", "docs", "rows"),
    [
        ("find({a: ?, note: {$ne: ?}}).sort({b: -1}).limit(?)", 7, 7000, 21),
        ("find({_id: {$in: [?]}})", 7, 28, 28),
        ("updateOne({_id: ?}, {$set: {note: ?}})", 7, 7, 7),
        ("find({a: {$gte: ?}})", 1, 1000, 1000),
        ("aggregate([{$match: {a: ?}}, {$group: {_id: $b}}])", 1, 1000, 1),
    ],
)
def test_every_operation_is_counted(
    told: Result, text: str, calls: int, docs: int, rows: int
) -> None:
    (one,) = (s for s in told.json["statements"] if s["statement"] == f"shop.orders.{text}")
    assert (one["calls"], one["docs_examined"], one["rows"]) == (calls, docs, rows)
    assert one["applications"] == ["shop-web"]
    assert one["hosts"] == ["127.0.0.1"]


def test_sorts_scans_and_errors(told: Result) -> None:
    found = {one["statement"]: one for one in told.json["statements"]}
    sorted_ = found["shop.orders.find({a: ?, note: {$ne: ?}}).sort({b: -1}).limit(?)"]
    assert (sorted_["memory_sorts"], sorted_["collection_scans"]) == (7, 7)
    assert found["shop.orders.find({loc: {$near: ?}})"]["errors"] == 1


def test_connections_and_elections(told: Result) -> None:
    (connections,) = [told.json["connections"]]
    assert connections["received"] >= connections["ended"] > 0
    drivers = [row["name"] for row in told.json["connections_by"] if row["by"] == "driver"]
    assert any(name.startswith("PyMongo") for name in drivers)
    history = [(row["kind"], row["message"]) for row in told.json["history"]]
    assert ("state", "PRIMARY → SECONDARY") in history
    assert any(kind == "start" for kind, _ in history)


def test_no_value_shows_and_it_fits_its_schema(told: Result, logged: Path) -> None:
    assert SECRET in logged.read_text()
    assert SECRET not in told.out + told.err
    tables = slow_queries_command.TABLES
    jsonschema.validate(told.json, json_schema("slow-queries", tables))


# -------------------------------------------------------------------------------------- pool-size


@pytest.fixture
def busy(new_mongodb: Callable[[], MongoDB]) -> Iterator[MongoDB]:
    """A server with users, and an application that has always two operations at work."""
    server = new_mongodb().start("--setParameter", "enableTestCommands=1", auth=True)
    with server.client() as root:
        for name, roles in {"monitor": ["clusterMonitor"], "nobody": []}.items():
            root.admin.command("createUser", name, pwd="hunter2secret", roles=roles)
        root.shop.orders.insert_one({"a": 1})
        ended = threading.Event()

        def work() -> None:
            with Client(server.url(), appname="shop-web") as client:
                while not ended.is_set():
                    client.admin.command("sleep", millis=200, lock="none")

        workers = [threading.Thread(target=work) for _ in range(2)]
        for one in workers:
            one.start()
        yield server
        ended.set()
        for one in workers:
            one.join()


def test_a_pool_is_derived_from_what_runs(busy: MongoDB) -> None:
    url = busy.url(user="monitor", password="hunter2secret")
    options = ("--instances", "2", "--interval", "2s", "-f", "json")
    told = dbtune("pool-size", url, *options).ok()
    jsonschema.validate(told.json, json_schema("pool-size", pool_size_command.TABLES))
    pool = told.json["client_pool"]
    # Two threads that do nothing else keep two operations at work, whatever the machine's speed.
    assert 1 <= pool["busy_connections"] <= 3
    assert pool["busy_peak_connections"] == pytest.approx(2 * pool["busy_connections"])
    assert 2 <= pool["max_pool_size"] <= 10
    assert pool["limit_connections"] > 100
    found = {row["application"]: row for row in told.json["applications"]}
    assert found["shop-web"]["connections"] >= 2
    assert "dbtune" not in found
    assert {row["name"] for row in told.json["inputs"]} >= {"hold_time_ms", "max_connections"}


def test_with_no_privilege_a_pool_is_derived_from_options(busy: MongoDB) -> None:
    url = busy.url(user="nobody", password="hunter2secret")
    told = dbtune("pool-size", url, "--threads", "4", "--interval", "1s", "-f", "json").ok()
    assert told.json["client_pool"]["max_pool_size"] == 4
    said = {one["what"]: one["remedy"] for one in told.json["skipped"]}
    assert said.keys() >= {"limits and load", "applications"}
    assert all('"clusterMonitor"' in remedy for remedy in said.values())
