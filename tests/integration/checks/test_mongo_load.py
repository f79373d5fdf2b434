"""Checks on a mongod under load: at its limits for a moment, found, relieved, and silent."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import bson
import pymongo
import pytest

from tests.command import dbtune
from tests.conftest import own_mongodb
from tests.health import eventually, findings
from tests.servers import HOST, MongoDB

LAZY_EVICTION = (
    "eviction_target=95,eviction_trigger=99,eviction_dirty_target=70,eviction_dirty_trigger=90,"
    "eviction_updates_target=70,eviction_updates_trigger=90"
)
EAGER_EVICTION = (
    "eviction_target=20,eviction_trigger=30,eviction_dirty_target=1,eviction_dirty_trigger=2,"
    "eviction_updates_target=1,eviction_updates_trigger=2,eviction=(threads_min=1,threads_max=1)"
)
Client = pymongo.MongoClient[dict[str, Any]]


@pytest.fixture(scope="module")
def small() -> Iterator[MongoDB]:
    """A server with room for 100 connections, whose cursors live for a tenth of a second."""
    parameters = ("cursorTimeoutMillis=100", "clientCursorMonitorFrequencySecs=1")
    more = (part for one in parameters for part in ("--setParameter", one))
    with own_mongodb() as server:
        # No checkpoint of its own: it would clean what a test has made dirty.
        server.start("--maxConns", "100", "--syncdelay", "3600", *more)
        with server.client() as client:
            _fill(client, "part", 6000)
        yield server


def _fill(client: Client, name: str, kilobytes: int) -> None:
    """Documents of a kilobyte that does not compress."""
    client.shop[name].insert_many([{"n": n, "t": os.urandom(1000)} for n in range(kilobytes)])


def _engine(client: Client, config: str) -> None:
    client.admin.command({"setParameter": 1, "wiredTigerEngineRuntimeConfig": config})


def test_a_cache_that_is_dirty_full_and_too_small(small: MongoDB) -> None:
    with small.client() as client:
        client.admin.command("fsync")
        _engine(client, f"cache_size=16M,{LAZY_EVICTION}")
        _fill(client, "dirty", 5000)
        [dirty] = findings(small, "mongo.cache-dirty")
        assert dirty["level"] == "critical"
        assert dirty["evidence"]["dirty_bytes"] > 0.2 * 16 * 1024**2
        client.admin.command("fsync")
        assert eventually(lambda: findings(small, "mongo.cache-dirty"), there=False) == []

        def read() -> list[dict[str, Any]]:
            _fill(client, "more", 2000)
            client.admin.command("fsync")
            list(client.shop.part.find())
            return findings(small, "mongo.cache-nearly-full")

        [full] = eventually(read, there=True)
        assert full["evidence"]["cache_bytes"] == 16 * 1024**2
        _engine(client, "cache_size=256M")
        assert eventually(lambda: findings(small, "mongo.cache-nearly-full"), there=False) == []

        _engine(client, f"cache_size=4M,{EAGER_EVICTION}")
        client.shop.part.update_many({"n": {"$lt": 800}}, {"$inc": {"n": 1}})
        rule = "mongo.applications-evict-pages"
        [evicted] = findings(small, rule, min_per_second=0.1)
        assert evicted["evidence"]["pages"] > 100
        assert findings(small, rule, interval="300ms") == []
        _engine(client, f"cache_size=256M,{LAZY_EVICTION}")


def test_a_checkpoint_that_has_much_to_write(small: MongoDB) -> None:
    rule = "mongo.checkpoint-slow"
    with small.client() as client:
        _fill(client, "much", 10_000)
        client.admin.command("fsync")
        [slow] = findings(small, rule, min_ms=1)  # no test waits for one of a minute
        took = slow["evidence"]["checkpoint_ms"]

        def idle() -> list[dict[str, Any]]:
            client.admin.command("fsync")
            return findings(small, rule, min_ms=took)

        assert eventually(idle, there=False) == []


def test_connections_near_the_limit(small: MongoDB) -> None:
    rule = "mongo.connections-near-limit"
    assert eventually(lambda: findings(small, rule), there=False) == []
    with contextlib.ExitStack() as held:
        for _ in range(82):  # which leaves room for those of earlier runs that are being closed
            held.enter_context(socket.create_connection((HOST, small.port)))
        [found] = eventually(lambda: findings(small, rule), there=True)
        assert found["evidence"]["current"] + found["evidence"]["available"] == 100
    assert eventually(lambda: findings(small, rule), there=False) == []


def test_a_server_that_has_all_the_connections_it_may_have(small: MongoDB) -> None:
    with contextlib.ExitStack() as held:

        def refused() -> list[dict[str, Any]]:  # those of earlier runs may go and make room
            for _ in range(100):
                held.enter_context(socket.create_connection((HOST, small.port)))
            made = dbtune("check", small.url())
            return [{"said": made.err}] if made.code == 3 else []

        [error] = eventually(refused, there=True)
    assert "net.maxIncomingConnections" in error["said"]
    rule = "mongo.connections-near-limit"
    with small.client() as client:
        client.admin.command("ping")  # the driver waits until there is room for one
    assert eventually(lambda: findings(small, rule), there=False) == []


def test_cursors_that_are_kept(small: MongoDB) -> None:
    rule = "mongo.cursors-open"
    assert findings(small, rule) == []
    with small.client() as client:
        kept = [client.shop.part.find(no_cursor_timeout=True, batch_size=2) for _ in range(100)]
        for one in kept:
            next(one)
        [found] = findings(small, rule)
        assert found["evidence"]["no_timeout"] == 100
        for one in kept:
            one.close()
    assert findings(small, rule) == []


def test_cursors_that_are_left(small: MongoDB) -> None:
    # Drivers open cursors in sessions, which end them; shells and old drivers do not.
    body = bson.encode({"find": "part", "batchSize": 2, "$db": "shop"})
    message = struct.pack("<iiiiIb", 21 + len(body), 1, 0, 2013, 0, 0) + body
    with socket.create_connection((HOST, small.port)) as client:
        client.sendall(message)
        [found] = eventually(lambda: findings(small, "mongo.cursors-time-out"), there=True)
    assert found["evidence"]["timed_out"] == 1
    assert findings(small, "mongo.cursors-time-out", interval="300ms") == []


def test_operations_that_wait_for_a_lock(small: MongoDB) -> None:
    rule = "mongo.operations-queue"
    assert findings(small, rule) == []
    with small.client() as client, ThreadPoolExecutor(12) as threads:
        client.admin.command("fsync", lock=True)
        try:
            jobs = [threads.submit(client.shop.queue.insert_one, {"n": n}) for n in range(12)]
            assert eventually(
                lambda: [one for one in findings(small, rule) if "12 write" in one["message"]],
                there=True,
            )
        finally:
            client.admin.command("fsyncUnlock")
        assert [one.result().acknowledged for one in jobs] == [True] * 12
    assert eventually(lambda: findings(small, rule), there=False) == []


def test_tickets_that_are_all_taken(small: MongoDB) -> None:
    """dbtune itself must need none to see that."""
    rule = "mongo.tickets-exhausted"
    assert findings(small, rule) == []
    tickets = "wiredTigerConcurrentReadTransactions"
    with small.client() as client, ThreadPoolExecutor(8) as threads:
        client.admin.command({"setParameter": 1, tickets: 8})
        asked = {"n": {"$exists": True}, "$where": "sleep(600000) || true"}
        jobs = [threads.submit(_until_killed, client, asked) for _ in range(8)]
        [found] = eventually(lambda: findings(small, rule), there=True)
        for one in client.admin.command("currentOp", {"ns": "shop.part"})["inprog"]:
            client.admin.command("killOp", op=one["opid"])
        assert [one.result() for one in jobs] == [True] * 8
        client.admin.command({"setParameter": 1, tickets: 128})
    assert (found["subject"], found["evidence"]["available"]) == ("read tickets", 0)
    assert eventually(lambda: findings(small, rule), there=False) == []


def _until_killed(client: Client, query: dict[str, Any]) -> bool:
    try:
        client.shop.part.find_one(query)
    except pymongo.errors.OperationFailure:
        return True
    return False


def test_writes_that_conflict(mongodb_rs: MongoDB) -> None:
    rule = "mongo.writes-conflict"
    with mongodb_rs.client() as client, ThreadPoolExecutor(8) as threads:
        client.shop.hot.insert_one({"_id": 1})
        increment = {"$inc": {"n": 1}}
        with client.start_session() as session, session.start_transaction():
            client.shop.hot.update_one({"_id": 1}, increment, session=session)
            jobs = [threads.submit(client.shop.hot.update_one, {"_id": 1}, increment)
                    for _ in range(8)]  # fmt: skip
            [found] = eventually(lambda: findings(mongodb_rs, rule, interval="300ms"), there=True)
        assert [one.result().modified_count for one in jobs] == [1] * 8
    assert found["evidence"]["conflicts"] > 0
    assert findings(mongodb_rs, rule, interval="300ms") == []


def test_indexes_that_outweigh_their_data(mongodb: MongoDB) -> None:
    rule, least = "mongo.indexes-outweigh-data", 100_000
    names = [f"f{n}" for n in range(8)]
    with mongodb.client() as client:
        client.shop.tags.insert_many([dict.fromkeys(names, n) for n in range(2000)])
        assert findings(mongodb, rule, min_bytes=least) == []
        for one, other in pairwise(names):
            client.shop.tags.create_index([(one, 1), (other, 1)])
            client.shop.tags.create_index([(other, 1), (one, -1)])
        found = eventually(lambda: findings(mongodb, rule, min_bytes=least), there=True)
        assert [one["subject"] for one in found] == ["database shop"]
        client.shop.tags.drop_indexes()
    assert eventually(lambda: findings(mongodb, rule, min_bytes=least), there=False) == []


def test_a_collection_of_many_indexes(mongodb: MongoDB) -> None:
    rule = "mongo.many-indexes"
    with mongodb.client() as client:
        client.shop.wide.insert_one({"a": 1})
        assert findings(mongodb, rule) == []
        for number in range(20):
            client.shop.wide.create_index(f"f{number}")
        [found] = findings(mongodb, rule)
        assert "shop.wide" in found["subject"]
        client.shop.wide.drop_indexes()
    assert findings(mongodb, rule) == []
