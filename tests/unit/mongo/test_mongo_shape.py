"""Shapes of MongoDB commands: what they keep, what they fold, and that no value shows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from bson import Binary, Decimal128, Int64, MaxKey, ObjectId, Regex, Timestamp
from bson.son import SON
from hypothesis import given
from hypothesis import strategies as st

from dbtune.mongo.masking import expression, field, filter_text, pipeline, sort_text, update_text
from dbtune.mongo.shape import TEXT_LIMIT, Shape, shape_of


def profiled(command: Mapping[str, Any], op: str = "query", **more: Any) -> Shape:
    return shape_of({"op": op, "ns": "shop.orders", "command": command, **more})


# ----------------------------------------------------------------------------------------- filters


@pytest.mark.parametrize(
    ("given_filter", "text"),
    [
        ({}, "{}"),
        ({"a": 1}, "{a: ?}"),
        ({"b": 1, "a": "x"}, "{a: ?, b: ?}"),
        ({"a": {"$eq": 1}}, "{a: ?}"),
        ({"a": None}, "{a: ?}"),
        ({"a": {"x": 1, "y": 2}}, "{a: ?}"),
        ({"a": {"$gte": 1, "$lt": 2}}, "{a: {$gte: ?, $lt: ?}}"),
        ({"a": {"$lt": 2, "$gte": 1}}, "{a: {$gte: ?, $lt: ?}}"),
        ({"$and": [{"b": 1}, {"$and": [{"a": 2}]}]}, "{a: ?, b: ?}"),
        ({"$and": [{"a": {"$gt": 1}}, {"a": {"$lt": 9}}]}, "{a: {$gt: ?, $lt: ?}}"),
        ({"a": {"$in": [1, 2, 3]}}, "{a: {$in: [?]}}"),
        ({"a": {"$nin": []}}, "{a: {$nin: [?]}}"),
        ({"$or": [{"b": 1}, {"a": 1}, {"b": 2}]}, "{$or: [{a: ?}, {b: ?}]}"),
        (
            {"$and": [{"$or": [{"a": 1}]}, {"$or": [{"b": 1}]}]},
            "{$or: [{a: ?}] & [{b: ?}]}",
        ),
        ({"a": {"$not": {"$gt": 5}}}, "{a: {$not: {$gt: ?}}}"),
        ({"a": {"$not": Regex("^x")}}, "{a: {$not: /^?/}}"),
        (
            {"a": {"$elemMatch": {"b": 1, "c": {"$gt": 2}}}},
            "{a: {$elemMatch: {b: ?, c: {$gt: ?}}}}",
        ),
        ({"a": {"$elemMatch": {"$gt": 1, "$lt": 5}}}, "{a: {$elemMatch: {$gt: ?, $lt: ?}}}"),
        ({"a": {"$exists": True}}, "{a: {$exists: true}}"),
        ({"a": {"$exists": 0}}, "{a: {$exists: false}}"),
        ({"a": Regex("^x")}, "{a: /^?/}"),
        ({"a": re.compile("x", re.IGNORECASE)}, "{a: /?/i}"),
        ({"a": {"$regex": "^x"}}, "{a: /^?/}"),
        ({"a": {"$regex": "x", "$options": "i"}}, "{a: /?/i}"),
        ({"a": {"$options": "i", "$regex": Regex("^x")}}, "{a: /^?/i}"),
        ({"$expr": {"$gt": ["$a", "$b"]}}, "{$expr: {$gt: [$a, $b]}}"),
        ({"$where": "this.secret == 1"}, "{$where: ?}"),
        ({"$text": {"$search": "word"}}, "{$text: ?}"),
        ({"$comment": "who ran it", "a": 1}, "{a: ?}"),
        ({"loc": {"$near": {"$geometry": {"type": "Point"}}}}, "{loc: {$near: ?}}"),
        ({"user.id": 1}, "{user.id: ?}"),
        ({"attrs.5f3a9c1b2d4e5f6071829304.on": 1}, "{attrs.*.on: ?}"),
        ({"scores.12": 1, "mail.bob@example.com": 1}, "{mail.*.com: ?, scores.*: ?}"),
    ],
)
def test_filters(given_filter: object, text: str) -> None:
    assert filter_text(given_filter) == text


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("status", "status"),
        ("items.$[].price", "items.$[].price"),
        ("items.$[one].price", "items.$[one].price"),
        ("items.$.price", "items.$.price"),
        ("items.3.price", "items.*.price"),
        ("größe", "größe"),
        ("550e8400-e29b-41d4-a716-446655440000", "*"),
        ("deadbeef0", "*"),
        ("decade", "decade"),
        ("k17", "k17"),
        ("t20240131", "*"),
        ("a b", "*"),
        ("a\x1b[31m", "*"),
        ("", "*"),
    ],
)
def test_fields(path: str, shown: str) -> None:
    assert field(path) == shown


def test_sort_keeps_order_and_direction() -> None:
    assert sort_text({"b": -1, "a": 1}) == "{b: -1, a: 1}"
    assert sort_text({"score": {"$meta": "textScore"}}) == "{score: $meta}"
    assert sort_text({"a": -1.0, "b": Int64(1)}) == "{a: -1, b: 1}"
    assert sort_text({}) == sort_text(None) == ""


def test_expressions() -> None:
    assert expression({"$sum": {"$multiply": ["$price", "$qty", 3]}}) == (
        "{$sum: {$multiply: [$price, $qty, ?]}}"
    )
    assert expression({"a": {"$literal": "$secret"}}) == "{a: {$literal: ?}}"
    assert expression({"$concat": ["a", "b", "$c", "d"]}) == "{$concat: [?, $c, ?]}"
    assert expression("$$ROOT.a") == "$$ROOT.a"
    assert expression("$ 4111 1111") == "?"
    assert expression({"a": 1, "b": False, "c": 7}, flags=True) == "{a: 1, b: 0, c: ?}"


def test_pipelines() -> None:
    stages = [
        {"$match": {"status": "new", "age": {"$gt": 3}}},
        {"$lookup": {"from": "users", "localField": "uid", "foreignField": "_id", "as": "u"}},
        {"$group": {"_id": "$amount", "n": {"$sum": 1}}},
        {"$sort": {"n": -1}},
        {"$limit": 5},
        {"$out": {"db": "x", "coll": "y"}},
    ]
    assert pipeline(stages) == (
        "[{$match: {age: {$gt: ?}, status: ?}}, "
        "{$lookup: {from: users, localField: uid, foreignField: _id, as: u}}, "
        "{$group: {_id: $amount, n: {$sum: ?}}}, {$sort: {n: -1}}, {$limit: ?}, "
        "{$out: {db: x, coll: y}}]"
    )
    assert pipeline([{"$facet": {"a": [{"$match": {"b": 1}}]}}]) == (
        "[{$facet: {a: [{$match: {b: ?}}]}}]"
    )
    assert pipeline([{"$search": {"text": {"query": "$100 off", "path": "t"}}}]) == (
        "[{$search: {text: {query: ?, path: ?}}}]"
    )
    assert pipeline([{"$unionWith": "archive"}, {"$unwind": "$items"}]) == (
        "[{$unionWith: archive}, {$unwind: $items}]"
    )


def test_updates() -> None:
    assert update_text({"$set": {"b": 1, "a": 2}, "$inc": {"n": 1}}) == (
        "{$inc: {n: ?}, $set: {a: ?, b: ?}}"
    )
    assert update_text({"name": "whole", "new": "document"}) == "?"
    assert update_text([{"$set": {"x": "$amount"}}]) == "[{$set: {x: $amount}}]"


# ---------------------------------------------------------------------------------------- commands


def test_find() -> None:
    shape = profiled(
        {
            "find": "orders",
            "filter": {"status": "new", "amount": {"$gt": 900}},
            "sort": {"created": -1},
            "projection": {"status": 1, "_id": 0},
            "limit": 5,
            "skip": 100,
        }
    )
    assert shape.text == (
        "shop.orders.find({amount: {$gt: ?}, status: ?}, {status: 1, _id: 0})"
        ".sort({created: -1}).skip(?).limit(?)"
    )
    assert (shape.equality, shape.ranges, shape.sort) == (
        ("status",),
        ("amount",),
        "{created: -1}",
    )
    assert shape.filtered
    assert not shape.reduces
    assert profiled({"find": "orders", "filter": {}}).text == "shop.orders.find()"


def test_getmore_has_the_shape_of_its_query() -> None:
    query = {"find": "orders", "filter": {"a": 1}, "batchSize": 5}
    more = {"getMore": 123, "collection": "orders"}
    assert profiled(more, "getmore", originatingCommand=query) == profiled(query)
    assert profiled(more, "getmore", cursor={"originatingCommand": query}) == profiled(query)
    assert profiled(more, "getmore").text == "shop.orders.getMore()"


def test_writes_as_statement_and_as_command_have_one_shape() -> None:
    statement = {"q": {"a": 1}, "u": {"$set": {"x": 1}}, "multi": True, "upsert": False}
    kept = profiled(statement, "update")
    assert kept.text == "shop.orders.updateMany({a: ?}, {$set: {x: ?}})"
    assert kept == profiled({"update": "orders", "updates": [statement, statement]}, "command")
    gone = profiled({"q": {"a": 1}, "limit": 1}, "remove")
    assert gone.text == "shop.orders.deleteOne({a: ?})"
    assert gone.writes
    assert gone == profiled({"delete": "orders", "deletes": [{"q": {"a": 1}, "limit": 1}]})
    between = shape_of({"op": "command", "ns": "shop.$cmd", "command": {"update": "orders"}})
    assert between.text == "shop.orders.update()"
    upsert = profiled({"q": {}, "u": {"$set": {"x": 1}}, "upsert": True}, "update")
    assert upsert.text == "shop.orders.updateOne({}, {$set: {x: ?}}, {upsert: true})"


@pytest.mark.parametrize(
    ("command", "op", "text"),
    [
        ({"count": "orders", "query": {"a": 1}}, "command", "shop.orders.count({a: ?})"),
        (
            {"distinct": "orders", "key": "status", "query": {"a": 1}},
            "command",
            "shop.orders.distinct(status, {a: ?})",
        ),
        (
            {"findAndModify": "orders", "query": {"a": 1}, "sort": {"b": 1}, "remove": True},
            "command",
            "shop.orders.findAndModify({a: ?}, remove).sort({b: 1})",
        ),
        ({"insert": "orders", "ordered": True}, "insert", "shop.orders.insert()"),
        ({"createIndexes": "orders", "indexes": []}, "command", "shop.orders.createIndexes()"),
        ({}, "command", "shop.orders.command()"),
        ({"evil; name": 1}, "command", "shop.orders.command()"),
    ],
)
def test_other_commands(command: dict[str, Any], op: str, text: str) -> None:
    assert profiled(command, op).text == text


def test_a_command_that_the_server_cut_shows_none_of_its_text() -> None:
    command = {"$truncated": '{ find: "orders", filter: { a: { $in: [ "secret", '}
    shape = profiled(command, queryHash="07AE3385")
    assert shape.text == "shop.orders.find(over 50 kB, cut by the server, 07AE3385)"
    assert shape.truncated
    assert "secret" not in profiled(command, queryHash={"a": "secret"}).text


def test_aggregates_tell_what_an_index_could_serve() -> None:
    served = profiled(
        {"aggregate": "orders", "pipeline": [{"$match": {"a": 1}}, {"$sort": {"b": 1}}]}, "command"
    )
    assert (served.equality, served.sort, served.reduces) == (("a",), "{b: 1}", False)
    grouped = profiled(
        {
            "aggregate": "orders",
            "pipeline": [{"$match": {"a": 1}}, {"$group": {"_id": "$b"}}, {"$sort": {"_id": 1}}],
        }
    )
    assert (grouped.equality, grouped.sort, grouped.reduces) == (("a",), "", True)
    late = profiled({"aggregate": "orders", "pipeline": [{"$unwind": "$x"}, {"$match": {"x": 1}}]})
    assert not late.filtered  # no index serves a filter on what a stage made


@pytest.mark.parametrize(
    ("given_filter", "equality", "ranges"),
    [
        ({"a": 1, "b": {"$in": [1, 2]}}, ("a", "b"), ()),
        ({"a": {"$gt": 1}, "b": {"$lte": 1}}, (), ("a", "b")),
        ({"a": Regex("^x")}, (), ("a",)),
        ({"a": Regex("^x", "i"), "b": Regex("x"), "c": {"$ne": 1}}, (), ()),
        ({"items": {"$elemMatch": {"sku": 1, "n": {"$gt": 1}}}}, ("items.sku",), ("items.n",)),
        ({"$or": [{"a": 1}, {"b": 1}]}, (), ()),
        ({"$expr": {"$gt": ["$a", "$b"]}}, (), ()),
    ],
)
def test_what_an_index_narrows(
    given_filter: dict[str, Any], equality: tuple[str, ...], ranges: tuple[str, ...]
) -> None:
    shape = profiled({"find": "orders", "filter": given_filter})
    assert shape.filtered
    assert (shape.equality, shape.ranges) == (equality, ranges)


# ----------------------------------------------------------------------------------- hostile input

SENTINEL = "Zx9SENTINELq"
# What stands behind these is the name of a collection or field, which is shown.
NAMING = {"$out", "$merge", "$lookup", "$graphLookup", "$unionWith"}
_values = st.one_of(
    st.text(max_size=8).map(lambda text: SENTINEL + text),
    st.integers(987_654_321, 987_654_399),
    st.floats(allow_nan=True, allow_infinity=True),
    st.none(),
    st.booleans(),
    st.sampled_from(
        [
            ObjectId("987654321098765432109876"),
            Regex(SENTINEL, "im"),
            re.compile(SENTINEL),
            Decimal128("987654321"),
            Binary(SENTINEL.encode()),
            SENTINEL.encode(),
            datetime(1987, 6, 5, tzinfo=UTC),
            Timestamp(987654321, 1),
            MaxKey(),
        ]
    ),
)
_keys = st.one_of(
    st.sampled_from(
        "a b status $and $or $nor $not $in $nin $all $elemMatch $regex $options $exists $expr $eq "
        "$gt $where $comment $near $match $group $sort $project $limit $facet $search $geoNear "
        "query $set $inc $literal _id n.3.x find filter sort q u updates deletes pipeline update "
        "limit skip projection $truncated multi aggregate count insert getMore".split()
    ),
    st.text(max_size=6).filter(lambda key: key not in NAMING),
)
_documents = st.recursive(
    _values,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(_keys, inner, max_size=4),
        st.dictionaries(_keys, inner, max_size=2).map(SON),
    ),
    max_leaves=25,
)
_leak = re.compile(f"{SENTINEL}|98765")


@given(
    op=st.sampled_from(
        ["query", "command", "update", "remove", "getmore", "insert", "?", SENTINEL]
    ),
    command=_documents,
    origin=_documents,
)
def test_hostile_commands_never_raise_and_never_leak(op: str, command: Any, origin: Any) -> None:
    shape = shape_of(
        {
            "op": op,
            "ns": "shop.orders",
            "command": command,
            "originatingCommand": origin,
            "cursor": origin,
            "queryHash": command,
        }
    )
    everything = [shape.text, *shape.equality, *shape.ranges, shape.sort]
    assert not any(_leak.search(text) for text in everything)
    assert len(shape.text) <= TEXT_LIMIT


@given(stages=st.lists(st.dictionaries(_keys, _documents, max_size=2), max_size=4), q=_documents)
def test_hostile_arguments_never_raise_and_never_leak(stages: Any, q: Any) -> None:
    for command in (
        {"aggregate": "orders", "pipeline": stages},
        {"find": "orders", "filter": q, "sort": q, "projection": q, "limit": q},
        {"q": q, "u": q},
        {"update": "orders", "updates": [q]},
        {"findAndModify": "orders", "query": q, "update": q},
    ):
        for op in ("query", "update", "remove"):
            assert not _leak.search(profiled(command, op).text)


@given(_documents, st.randoms(use_true_random=False))
def test_the_order_of_a_filters_fields_does_not_matter(document: Any, random: Any) -> None:
    if not isinstance(document, dict):
        return
    pairs = list(document.items())
    random.shuffle(pairs)
    assert filter_text(dict(pairs)) == filter_text(document)


def test_deep_and_wide_commands_are_cut() -> None:
    deep: Any = 1
    for _ in range(300):
        deep = {"$and": [{"a": {"$elemMatch": deep}}]}
    assert len(profiled({"find": "orders", "filter": deep}).text) <= TEXT_LIMIT
    for _ in range(300):
        deep = {"$add": [deep, "$a"]}
    assert len(profiled({"aggregate": "o", "pipeline": [{"$set": {"x": deep}}]}).text) <= TEXT_LIMIT
    wide = {f"field{chr(97 + n % 26)}{n}": n for n in range(5000)}
    assert len(profiled({"find": "orders", "filter": wide}).text) <= TEXT_LIMIT
