"""Checks on a replica set of three, on whose members everything happens that can."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pymongo
import pytest

from tests.command import dbtune
from tests.conftest import own_mongodb
from tests.health import Found, eventually, findings
from tests.servers import HOST, MongoDB

Client = pymongo.MongoClient[dict[str, Any]]


@pytest.fixture(scope="module")
def members() -> Iterator[tuple[MongoDB, MongoDB, MongoDB]]:
    """A primary, a secondary and an arbiter, which notice within a second or two who is gone."""
    first, second, third = own_mongodb(), own_mongodb(), own_mongodb()
    quick = ["--setParameter", "flowControlTargetLagSeconds=1"]
    quick += ["--setParameter", "flowControlSamplePeriod=1"]
    with first, second, third:
        three = [one.start("--replSet", "three", *quick) for one in (first, second, third)]
        hosts: list[dict[str, Any]] = [
            {"_id": n, "host": f"{HOST}:{one.port}", "priority": int(n == 0)}
            for n, one in enumerate(three)
        ]
        hosts[2]["arbiterOnly"] = True
        settings = {"heartbeatIntervalMillis": 500, "heartbeatTimeoutSecs": 2,
                    "electionTimeoutMillis": 5000}  # fmt: skip
        with direct(first) as client:
            client.admin.command(
                "replSetInitiate", {"_id": "three", "members": hosts, "settings": settings}
            )
        assert eventually(lambda: _not_formed(first), there=False) == []
        yield first, second, third


def direct(server: MongoDB) -> Client:
    """A client of this member alone."""
    return pymongo.MongoClient(HOST, server.port, directConnection=True)


def _not_formed(server: MongoDB) -> Found:
    with direct(server) as client:
        states = {one["stateStr"] for one in client.admin.command("replSetGetStatus")["members"]}
    return [{"states": states}] if states != {"PRIMARY", "SECONDARY", "ARBITER"} else []


def write(client: Client) -> None:
    """Some writes; while a primary is being elected, none."""
    with suppress(pymongo.errors.AutoReconnect):
        client.shop.orders.insert_many([{"n": n} for n in range(50)])


@contextmanager
def locked(server: MongoDB, primary: Client) -> Iterator[None]:
    """A secondary that applies nothing, as while its disk is copied."""
    with direct(server) as client:

        def refused() -> Found:
            write(primary)
            try:
                client.admin.command("fsync", lock=True)
            except pymongo.errors.OperationFailure as error:  # its first copy is not complete
                return [{"error": str(error)}]
            return []

        assert eventually(refused, there=False) == []
        try:
            yield
        finally:
            client.admin.command("fsyncUnlock")


@contextmanager
def stopped(server: MongoDB) -> Iterator[None]:
    """A member that does not answer."""
    os.kill(server.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server.pid, signal.SIGCONT)


def test_a_secondary_that_does_not_follow(members: tuple[MongoDB, MongoDB, MongoDB]) -> None:
    first, second, _ = members

    def lag() -> Found:
        write(client)
        return findings(first, "mongo.secondary-lags", warning_seconds=1, critical_seconds=10**6)

    def held() -> Found:
        write(client)
        return findings(first, "mongo.flow-control-active", interval="300ms")

    with direct(first) as client:
        assert eventually(lag, there=False) == []
        with locked(second, client):
            [lags] = eventually(lag, there=True)
            assert lags["subject"] == f"member {HOST}:{second.port}"
            assert lags["evidence"]["lag_seconds"] >= 1
            [flow] = eventually(held, there=True)
            assert "held back" in flow["message"]
        assert eventually(lag, there=False) == []
        assert eventually(held, there=False) == []


def test_members_that_do_not_answer(members: tuple[MongoDB, MongoDB, MongoDB]) -> None:
    first, second, third = members

    def down() -> Found:
        return findings(first, "mongo.member-down")

    def headless() -> Found:
        return findings(first, "mongo.no-primary")

    assert eventually(down, there=False) == []
    assert findings(first, "mongo.majority-fragile") == []
    with stopped(second):
        [found] = eventually(down, there=True)
        assert found["subject"] == f"member {HOST}:{second.port}"
        assert headless() == []
        with stopped(third):
            [found] = eventually(headless, there=True)
            assert "a majority of 2 votes" in found["message"]
    assert eventually(headless, there=False) == []
    assert eventually(down, there=False) == []


def test_members_without_data_or_in_maintenance(members: tuple[MongoDB, MongoDB, MongoDB]) -> None:
    first, second, third = members
    whole = ",".join(f"{HOST}:{one.port}" for one in members)
    assert eventually(lambda: _not_formed(first), there=False) == []
    with direct(second) as client:
        client.admin.command("replSetMaintenance", True)
        try:
            for one in (second, third):
                url = f"mongodb://{HOST}:{one.port}"
                judged = dbtune("check", url, "--interval", "0s", "-f", "json").json
                assert judged["findings"]  # of the set and of the server, which both tell
                why = {skipped["what"]: skipped["reason"] for skipped in judged["skipped"]}
                assert "holds no data, or may not read it" in why["mongo.unused-index"]
                for command in ("suggest-indexes", "slow-queries", "bloat"):
                    told = dbtune(command, url)
                    assert (told.code, told.out) == (3, "")
                    assert "nothing can be read: this member" in told.err
            # The primary hears of it by the next heartbeat.
            assert eventually(lambda: findings(first, "mongo.member-down"), there=True)
            for _ in range(5):  # whoever answers first: what is read is of the primary
                judged = dbtune("check", f"mongodb://{whole}/?replicaSet=three", "-f", "json",
                                "--only", "mongo.member-down").json  # fmt: skip
                assert judged["target"]["role"] == "primary"
                assert [one["evidence"]["state"] for one in judged["findings"]] == ["RECOVERING"]
        finally:
            client.admin.command("replSetMaintenance", False)


def test_features_that_are_kept_off(members: tuple[MongoDB, MongoDB, MongoDB]) -> None:
    first, rule = members[0], "mongo.features-behind-version"
    assert eventually(lambda: _not_formed(first), there=False) == []
    with direct(first) as client:
        now = client.admin.command({"getParameter": 1, "featureCompatibilityVersion": 1})
        version = now["featureCompatibilityVersion"]["version"]
        older = {"6.0": "5.0", "7.0": "6.0", "8.0": "7.0"}[version]
        confirm = {"confirm": True} if version >= "7.0" else {}
        assert findings(first, rule) == []
        client.admin.command({"setFeatureCompatibilityVersion": older, **confirm})
        [found] = findings(first, rule)
        assert f'setFeatureCompatibilityVersion: "{version}"' in found["remedy"]["sql"]
        client.admin.command({"setFeatureCompatibilityVersion": version, **confirm})
        assert findings(first, rule) == []
