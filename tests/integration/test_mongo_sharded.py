"""Through a mongos (a stand-in: see ``tests/mongos.py``): each command works or says why not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

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
