"""Through a mongos (a stand-in: see ``tests/mongos.py``): each command works or says why not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from dbtune.mongo.indexes.collect import read_collection
from dbtune.mongo.indexes.suggest import suggest
from dbtune.mongo.indexes.usage import with_usage
from dbtune.mongo.session import Session
from dbtune.profile import profile_from_url
from dbtune.session import Limits
from tests.command import dbtune
from tests.mongos import AWAY, Mongos
from tests.servers import MongoDB


@pytest.fixture
def router(mongodb: MongoDB) -> Iterator[Mongos]:
    with mongodb.client() as client:
        client.shop.orders.insert_many({"status": n % 3, "n": n} for n in range(3000))
        client.shop.orders.create_index("status")
        client.shop.orders.create_index("n")
    with Mongos(mongodb, {"shop.orders": {"status": 1}}) as made:
        yield made


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "--interval", "0s"),
        ("slow-queries", "--interval", "1s"),
        ("suggest-indexes",),
        ("bloat", "--min-size", "1"),
        ("activity", "--once"),
        ("pool-size", "--interval", "0s", "--threads", "4", "--instances", "2", "--poolers", "3"),
        ("profile", "test"),
    ],
)
def test_every_command(router: Mongos, arguments: tuple[str, ...]) -> None:
    name, *rest = arguments
    before = [name, rest.pop(0)] if name == "profile" else [name]
    result = dbtune(*before, router.url, *rest, "-f", "json").ok()
    assert result.json["target"]["role"] == "mongos"
    assert "Traceback" not in result.err


def test_a_snapshot(router: Mongos, tmp_path: Path) -> None:
    path = tmp_path / "router.json.gz"
    dbtune("snapshot", router.url, "-o", str(path)).ok()
    dbtune("check", "--from", str(path)).ok()


def test_sizes_are_those_of_all_shards(router: Mongos, mongodb: MongoDB) -> None:
    arguments = ("--min-size", "1", "-f", "json")
    (alone,) = dbtune("bloat", mongodb.url(), *arguments).ok().json["collections"]
    (both,) = dbtune("bloat", router.url, *arguments).ok().json["collections"]
    assert both["size_bytes"] == 2 * alone["size_bytes"]


def test_no_index_is_unused_while_a_member_was_not_asked(router: Mongos) -> None:
    with Session(profile_from_url(router.url, "a test"), Limits()) as session:
        report = suggest(session)
        (orders,) = with_usage(session, [read_collection(session, "shop.orders")])
    assert not [one for one in report.findings if one.rule == "mongo.unused-index"]
    assert orders.unread_members == ()  # both shards have told of their indexes
    assert {one.name for one in orders.indexes if one.shard_key} == {"status_1"}


def test_members_that_mongos_did_not_ask_are_asked_or_named(router: Mongos) -> None:
    """Of each shard a mongos asks one member; the others may be what uses an index."""
    answer = router.answer

    def one_more(command: dict[str, object]) -> dict[str, object]:
        reply = answer(command)
        if "listShards" in command:
            reply["shards"][1]["host"] += ",127.0.0.1:2"
        return reply

    router.answer = one_more  # type: ignore[method-assign]
    with Session(profile_from_url(router.url, "a test"), Limits()) as session:
        (orders,) = with_usage(session, [read_collection(session, "shop.orders")])
    assert orders.unread_members == ("127.0.0.1:2",)
    assert AWAY not in orders.unread_members


def apart(router: Mongos, members: str = "db1:27018,db2:27018") -> None:
    """Have the second shard's files half empty, and more members of it."""
    answer = router.answer

    def other(command: dict[str, Any]) -> dict[str, Any]:
        reply = answer(command)
        if "listShards" in command:
            reply["shards"][1]["host"] = f"s2/{members}"
        if any("$collStats" in stage for stage in command.get("pipeline", ())):
            for one in reply["cursor"]["firstBatch"]:
                if one["shard"] == "s2":
                    one["host"] = "db1:27018"
                    one["storageStats"] = one["storageStats"] | {
                        "storageSize": 400 << 20,
                        "freeStorageSize": 300 << 20,
                        "numOrphanDocs": 20_000,
                    }
        return reply

    router.answer = other  # type: ignore[method-assign]


def test_what_is_free_by_shard_and_on_which_members_to_act(
    router: Mongos, mongodb: MongoDB
) -> None:
    apart(router)
    report = dbtune("bloat", router.url, "--min-size", "1", "-f", "json").ok().json
    jsonschema.validate(report, dbtune("schema", "bloat").ok().json)
    here = f"{mongodb.host}:{mongodb.port}"
    shards = {one["shard"]: one for one in report["shards"]}
    assert shards["s1"]["members"] == [here]
    assert shards["s2"]["members"] == ["db1:27018", "db2:27018"]
    assert shards["s2"]["host"] == "db1:27018"
    assert (shards["s1"]["free_bytes"], shards["s2"]["free_bytes"]) == (0, 300 << 20)
    parts = {one["shard"]: one for one in report["collections_by_shard"]}
    assert parts["s2"]["size_bytes"] == 400 << 20
    assert parts["s2"]["bloat_bytes"] >= 300 << 20
    (whole,) = report["collections"]
    assert whole["size_bytes"] == sum(one["size_bytes"] for one in parts.values())
    found = {one["rule"]: one for one in report["findings"]}
    waste = found["mongo.wasted-storage"]
    assert waste["subject"] == "shop.orders on shard s2"
    assert "connect to db1:27018, db2:27018 directly" in waste["remedy"]["text"]
    assert waste["remedy"]["sql"].endswith('runCommand({compact: "orders"})')
    assert found["mongo.orphaned-documents"]["subject"] == "shop.orders on shard s2"
    for width in ("80", "200"):
        shown = dbtune("bloat", router.url, "--min-size", "1", env={"COLUMNS": width}).ok().out
        assert max(map(len, shown.splitlines())) <= int(width)
        assert "shard s2" in shown


def test_a_standalone_server_has_no_shards(mongodb: MongoDB) -> None:
    with mongodb.client() as client:
        client.shop.orders.insert_one({})
    report = dbtune("bloat", mongodb.url(), "--min-size", "1", "-f", "json").ok().json
    assert "shards" not in report


def test_shards_that_can_t_be_read_are_not_silently_clean(router: Mongos) -> None:
    answer = router.answer

    def refusing(command: dict[str, Any]) -> dict[str, Any]:
        if "listShards" in command:
            return {"ok": 0.0, "code": 13, "errmsg": "not authorized on admin", "codeName": "U"}
        if any("$collStats" in stage for stage in command.get("pipeline", ())):
            return {"ok": 0.0, "code": 133, "errmsg": "Could not find host matching read "
                    "preference { mode: \"primary\" } for set s2", "codeName": "F"}  # fmt: skip
        return answer(command)

    router.answer = refusing  # type: ignore[method-assign]
    report = dbtune("bloat", router.url, "--min-size", "1", "-f", "json").ok().json
    reasons = {one["what"]: one for one in report["skipped"]}
    assert "for set s2" in reasons["sizes of shop.orders"]["reason"]
    assert "may not read listShards" in reasons["members of the shards"]["reason"]
    assert '"clusterMonitor"' in reasons["members of the shards"]["remedy"]
