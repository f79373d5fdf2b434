"""Which conditions of a pipeline come first: index advice has it as the server's planner does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pymongo
import pytest

from dbtune.mongo.indexes.commands import asked
from dbtune.mongo.indexes.suggest import Request, suggest
from dbtune.mongo.session import Session
from dbtune.profile import profile_from_url
from dbtune.session import Limits
from tests.conftest import own_mongodb
from tests.servers import MongoDB

Client = pymongo.MongoClient[dict[str, Any]]
Stages = list[dict[str, Any]]
JOIN = {"$lookup": {"from": "other", "localField": "a", "foreignField": "x", "as": "t"}}
GRAPH = {"$graphLookup": {"from": "other", "startWith": "$a", "connectFromField": "a",
                          "connectToField": "b", "as": "t"}}  # fmt: skip


@pytest.fixture(scope="module")
def server() -> Iterator[MongoDB]:
    with own_mongodb() as started:
        started.start()
        with started.client() as client:
            client.shop.c.insert_many(
                {"_id": n, "a": n % 900, "b": n % 7, "l": [1, 2], "s": {"x": n},
                 "at": [n % 90, n % 70], "pad": "x" * 90}
                for n in range(4000)
            )  # fmt: skip
        yield started


def fields(parsed: Any) -> set[str]:
    """The fields of a filter as the planner has it."""
    if isinstance(parsed, list):
        return set().union(*map(fields, parsed))
    found: set[str] = set()
    for key, value in parsed.items():
        if key != "$expr":
            found |= fields(value) if key.startswith("$") else {key}
    return found


@pytest.mark.parametrize(
    "stages",
    [
        [{"$addFields": {"h": {"$gt": ["$b", 2]}}}, {"$match": {"a": 3, "h": True}}],
        [{"$set": {"h": 1}}, {"$set": {"g": 1}}, {"$match": {"$and": [{"a": 3}, {"g": 2}]}}],
        [{"$set": {"h": 1}}, {"$match": {"$or": [{"a": 3}, {"h": 2}]}}],
        [{"$set": {"h": 1}}, {"$match": {"$or": [{"a": 3}, {"b": 2}]}}],
        [{"$set": {"h": "$s"}}, {"$match": {"h.x": 3}}],
        [{"$set": {"h": "$a"}}, {"$match": {"$or": [{"h": 3}]}}],
        [{"$set": {"s.y": 1}}, {"$match": {"s.x": 3}}],
        [{"$set": {"s.y": 1}}, {"$match": {"s": 3}}],
        [{"$set": {"s": {"x": 1}}}, {"$match": {"s.x": 3}}],
        [{"$set": {"h": 1}}, {"$match": {"$expr": {"$eq": ["$a", 3]}}}],
        [{"$set": {"h": 1}}, {"$match": {"b": 2, "$expr": {"$eq": ["$h", 3]}}}],
        [{"$match": {"b": 2}}, {"$set": {"h": 1}}, {"$match": {"a": 3}}],
        [{"$unset": "l"}, {"$match": {"a": 3}}],
        [{"$unset": ["a", "l"]}, {"$match": {"a": 3}}],
        [{"$project": {"a": 1, "t": {"$add": ["$b", 1]}}}, {"$match": {"a": 3, "t": 4}}],
        [{"$project": {"l": 0}}, {"$match": {"a": 3}}],
        [{"$project": {"a": 0}}, {"$match": {"a": 3}}],
        [{"$project": {"b": 1}}, {"$match": {"a": 3}}],
        [{"$project": {"o": "$a"}}, {"$match": {"o": 3, "_id": 7}}],
        [{"$project": {"o": "$s.x"}}, {"$match": {"o": 3}}],
        [{"$project": {"s.x": 1}}, {"$match": {"s.x": 3}}],
        [{"$project": {"s": 1}}, {"$match": {"s.x": 3}}],
        [{"$project": {"a": 1, "l": 1}}, {"$unwind": "$l"}, {"$match": {"a": 3, "l": 1}}],
        [{"$unwind": {"path": "$l", "includeArrayIndex": "i"}}, {"$match": {"a": 3, "i": 0}}],
        [{"$unwind": "$l"}, {"$match": {"a": 3, "b": {"$elemMatch": {"q": 1}}}}],
        [{"$unwind": "$l"}, {"$match": {"a": {"$size": 2}}}],
        [{"$unwind": "$l"}, {"$match": {"$nor": [{"a": 1}, {"b": 2}]}}],
        [JOIN, {"$match": {"a": 3, "t.k": 1}}],
        [JOIN, {"$unwind": "$t"}, {"$match": {"a": 3, "t.k": 1}}],
        [GRAPH, {"$match": {"a": 3, "t": 2}}],
        [{"$group": {"_id": "$a", "n": {"$sum": 1}}}, {"$match": {"_id": 3, "n": 2}}],
        [{"$group": {"_id": {"a": "$a", "x": "$s.x"}}}, {"$match": {"_id.a": 3, "_id.x": 1}}],
        [{"$group": {"_id": {"$toInt": "$a"}}}, {"$match": {"_id": 3}}],
        [{"$unwind": "$l"}, {"$group": {"_id": "$a"}}, {"$match": {"_id": 3}}],
        [{"$sort": {"b": 1}}, {"$match": {"a": 3}}],
        [{"$sort": {"b": 1}}, {"$limit": 5}, {"$match": {"a": 3}}],
        [{"$skip": 5}, {"$match": {"a": 3}}],
        [{"$replaceRoot": {"newRoot": "$s"}}, {"$match": {"x": 3}}],
    ],
    ids=str,
)
def test_conditions_go_where_the_server_moves_them(server: MongoDB, stages: Stages) -> None:
    with server.client() as client:
        pipeline = {"aggregate": "c", "pipeline": stages, "cursor": {}}
        told = client.shop.command({"explain": pipeline, "verbosity": "queryPlanner"})
    cursor = told["stages"][0]["$cursor"] if "stages" in told else told
    query = next(asked("shop.c", pipeline)).query
    every = [*query.conditions, *(one for branch in query.branches for one in branch)]
    ours = {one.path for one in every if one.operator not in ("$elemMatch", "$size")}
    if "$nor" in str(stages):
        ours = fields(query.filter)  # no index serves it, so that it makes no conditions
    assert ours == fields(cursor["queryPlanner"]["parsedQuery"])


def advised(session: Session, command: dict[str, Any]) -> list[object]:
    report = suggest(session, Request(operation=command, collection="shop.c"))
    return [row["keys"] for row in report.tables[0].rows]


def test_geo_near_gets_its_index(server: MongoDB) -> None:
    near = {"near": [3, 4], "distanceField": "d", "maxDistance": 2}
    keyed: Stages = [{"$geoNear": near | {"key": "at"}}, {"$limit": 3}]
    blind: Stages = [{"$geoNear": near}]
    with Session(profile_from_url(server.url(), "a test"), Limits()) as session:
        assert advised(session, {"aggregate": "c", "pipeline": keyed}) == ['{at: "2d"}']
        operation = {"aggregate": "c", "pipeline": blind}
        report = suggest(session, Request(operation=operation, collection="shop.c"))
        (finding,) = report.findings
        assert finding.rule == "mongo.search-without-index"
        assert finding.remedy.sql.startswith("// ")  # which field it is, is not told
        with server.client() as client:
            client.shop.c.create_index([("at", "2d")])
            try:
                report = suggest(session, Request(operation=operation, collection="shop.c"))
                assert not report.findings
                assert advised(session, {"aggregate": "c", "pipeline": keyed}) == []
            finally:
                client.shop.c.drop_indexes()


def test_the_order_as_documents_lie_is_no_field() -> None:
    last = {"find": "c", "filter": {"a": 3}, "sort": {"$natural": -1}, "limit": 10}
    assert not list(asked("shop.c", last))
    assert not list(asked("shop.c", {"find": "c", "filter": {"a": 3}, "hint": {"$natural": 1}}))


def test_a_hint_is_told(server: MongoDB) -> None:
    with server.client() as client:
        client.shop.command("profile", 2)
        list(client.shop.c.find({"a": 3}).hint("_id_"))
        client.shop.command("profile", 0)
    with Session(profile_from_url(server.url(), "a test"), Limits()) as session:
        report = suggest(session)
    assert [row["keys"] for row in report.tables[0].rows] == ["{a: 1}"]
    assert any(note.startswith("1 operation had a hint") for note in report.notes)


@pytest.mark.parametrize(
    "command",
    [
        {"find": "narrow", "filter": {"a": 7}, "sort": {"_id": 1}, "projection": {"a": 1}},
        {"find": "deep", "filter": {"o": 7}, "limit": 3},
        {"count": "narrow", "query": {"a": 7}},
        {"distinct": "narrow", "key": "b", "query": {"a": 7}},
        {"aggregate": "deep", "pipeline": [{"$match": {"o": 7}}], "cursor": {}},
    ],
    ids=str,
)
def test_what_is_asked_of_a_view_is_asked_of_its_collection(
    server: MongoDB, command: dict[str, Any]
) -> None:
    name = str(next(iter(command.values())))
    with server.client() as client, Session(
        profile_from_url(server.url(), "a test"), Limits()
    ) as session:  # fmt: skip
        shop = client.shop
        shop.create_collection("narrow", viewOn="c", pipeline=[{"$match": {"b": {"$gte": 0}}}])
        shop.create_collection("deep", viewOn="narrow", pipeline=[{"$project": {"o": "$a"}}])
        try:
            shop.command("profile", 2)
            shop.command(command)
            shop.command("profile", 0)
            told = suggest(session).tables[0].rows
            asked_for = Request(operation=command, collection=f"shop.{name}")
            for rows in (told, suggest(session, asked_for).tables[0].rows):
                assert {row["namespace"] for row in rows} == {"shop.c"}
                assert all(str(row["keys"]).startswith("{a: 1") for row in rows)
        finally:
            for one in ("narrow", "deep", "system.profile"):
                shop.drop_collection(one)
