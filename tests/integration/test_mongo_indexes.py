"""suggest-indexes on a real mongod: matching, estimates, advice, verdicts on existing indexes."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pymongo
import pytest
from bson import Code, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp

from dbtune.errors import UsageError
from dbtune.finding import Finding
from dbtune.mongo.indexes.advise import advise
from dbtune.mongo.indexes.bson_order import order_key
from dbtune.mongo.indexes.estimate import Estimator
from dbtune.mongo.indexes.facts import Collection, Index, Proposal
from dbtune.mongo.indexes.match import predicate
from dbtune.mongo.indexes.query import query_of
from dbtune.mongo.indexes.sample import Sample
from dbtune.mongo.indexes.suggest import Request, suggest
from dbtune.mongo.indexes.workload import Usage
from dbtune.mongo.session import Session
from dbtune.profile import profile_from_url
from dbtune.report import Report
from dbtune.session import Limits
from tests.command import dbtune
from tests.conftest import own_mongodb
from tests.servers import MongoDB

Client = pymongo.MongoClient[dict[str, Any]]
COUNT = 8000
NOW = datetime(2024, 5, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def server() -> Iterator[MongoDB]:
    with own_mongodb() as started:
        started.start()
        with started.client() as client:
            fill(client)
        yield started


@pytest.fixture(scope="module")
def client(server: MongoDB) -> Iterator[Client]:
    with server.client() as opened:
        yield opened


@pytest.fixture
def session(server: MongoDB) -> Iterator[Session]:
    with Session(profile_from_url(server.url(), "a test"), Limits()) as opened:
        yield opened


def documents() -> list[dict[str, Any]]:
    rng = random.Random(7)
    return [
        {
            "_id": n,
            "flag": n % 2,
            "status": rng.choices("abcde", [60, 30, 6, 3, 1])[0],
            "store": rng.randrange(200),
            "customer": rng.randrange(2000),
            "created": NOW - timedelta(minutes=n * 7 % 50_000),
            "amount": round(rng.lognormvariate(4, 1), 2),
            "score": rng.random(),
            "name": rng.choice("ABCD") + "".join(rng.choices("abc", k=4)),
            "tags": rng.sample(range(30), rng.randrange(4)),
            "items": [{"sku": rng.randrange(300), "qty": rng.randrange(9)} for _ in range(2)],
            "nested": {"city": rng.randrange(40)},
            **({"ref": rng.randrange(50)} if n % 60 == 0 else {}),
            **({"gone": None} if n % 50 else {"gone": n}),
            "pad": "x" * 120,
        }
        for n in range(COUNT)
    ]


def fill(client: Client) -> None:
    client.shop.orders.insert_many(documents())
    client.shop.few.insert_many({"_id": n, "a": n % 7} for n in range(300))
    client.shop.customers.insert_many({"_id": n, "number": n, "pad": "y" * 50} for n in range(3000))


# --------------------------------------------------------------------------- matching and ordering


def test_values_are_ordered_as_the_server_orders_them(client: Client) -> None:
    values: list[Any] = [
        None, MinKey(), MaxKey(), True, False, 0, -5, 3.5, Int64(2**60), 2**60 + 1,
        Decimal128("2.5"),
        float("inf"), float("-inf"), float("nan"), "", "a", "B", "é", "z", {}, {"a": 1}, {"a": "x"},
        {"b": 0}, {"a": 1, "b": 2}, b"", b"ab", b"b", ObjectId("0" * 24), ObjectId("f" * 24), NOW,
        datetime(1960, 1, 1, tzinfo=UTC), Timestamp(1, 2), Timestamp(2, 1),
        Regex("a"), Regex("b", "i"),
    ]  # fmt: skip
    client.shop.order.drop()
    client.shop.order.insert_many({"v": one} for one in values)
    by_server = [one["v"] for one in client.shop.order.find(hint={"$natural": 1}).sort("v", 1)]
    keys = [order_key(one) for one in by_server]
    assert keys == sorted(keys)


def random_filter(rng: random.Random) -> dict[str, Any]:
    some = rng.choice(documents_cache())
    path = rng.choice(
        ["status", "store", "amount", "tags", "items.sku", "items.qty", "nested.city", "ref",
         "gone", "name", "created", "none", "items", "nested", "tags.0", "items.1.qty"]
    )  # fmt: skip
    value: Any = some
    for step in path.split("."):
        if isinstance(value, list):
            value = value[0] if value else None
            value = value.get(step) if isinstance(value, dict) and not step.isdigit() else value
        else:
            value = value.get(step) if isinstance(value, dict) else None
    if isinstance(value, list) and rng.random() < 0.7:
        value = value[0] if value else None
    operator = rng.choice(
        ["$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$in", "$nin", "$exists", "$size", "$type",
         "$mod", "$regex", "$not", "$all", "$elemMatch", "plain"]
    )  # fmt: skip
    made: Any = {operator: value}
    if operator == "plain":
        made = value
    elif operator in ("$in", "$nin", "$all"):
        made = {operator: [value, rng.choice([3, None, "a"])][: rng.choice([1, 2])]}
    elif operator == "$exists":
        made = {"$exists": rng.random() < 0.5}
    elif operator == "$size":
        made = {"$size": rng.randrange(4)}
    elif operator == "$type":
        made = {"$type": rng.choice(["string", "int", "array", "object", "null", "date", "number"])}
    elif operator == "$mod":
        made = {"$mod": [7, rng.randrange(7)]}
    elif operator == "$regex":
        made = {"$regex": rng.choice(["^A", "^Ba", "b$", "abc", "^a"]),
                "$options": rng.choice(["", "i"])}  # fmt: skip
    elif operator == "$not":
        made = {"$not": {rng.choice(["$gt", "$lte", "$eq"]): value}}
    elif operator == "$elemMatch":
        made = {"$elemMatch": rng.choice([{"sku": {"$gt": 100}, "qty": 3}, {"$gt": 5, "$lt": 20}])}
    given = {path: made}
    if rng.random() < 0.25:
        return {"$or": [given, {"store": rng.randrange(200)}]}
    if rng.random() < 0.2:
        return {"$nor": [given]}
    return given | ({"flag": 1} if rng.random() < 0.3 else {})


_CACHE: list[dict[str, Any]] = []


def documents_cache() -> list[dict[str, Any]]:
    if not _CACHE:
        _CACHE.extend(documents())
    return _CACHE


def test_filters_match_what_the_server_matches(client: Client) -> None:
    rng = random.Random(11)
    some = documents_cache()[:250]
    client.shop.matched.drop()
    client.shop.matched.insert_many(some)
    for _ in range(300):
        given = random_filter(rng)
        try:
            expected = {one["_id"] for one in client.shop.matched.find(given, {"_id": 1})}
        except pymongo.errors.OperationFailure:
            continue
        assert {one["_id"] for one in some if predicate(given)(one)} == expected, given


@pytest.mark.parametrize(
    "given",
    [
        *({"$mod": one} for one in ([3, 1], [3, -1], [-3, 1], [4, 0], [2.9, 1.2])),
        *({"$type": one} for one in ("int", "long", "double", "decimal", "number", "bool", "null",
                                     "array", "object", "binData", "regex", "timestamp", "date",
                                     "javascript", "objectId", 2, 16, 1.0, ["string", "null"])),
        {"$not": {"$gt": 2}}, {"$not": {"$in": [2, None]}}, {"$gte": None},
    ],
    ids=str,
)  # fmt: skip
def test_types_and_remainders_match_what_the_server_matches(
    client: Client, given: dict[str, Any]
) -> None:
    values: list[Any] = [
        None, True, 0, 1, 2, -1, -4, 7.9, -7.9, Int64(4), Int64(2**40), Decimal128("1.5"), "x", [],
        [1, "a"], [[2]], [None], {}, {"a": 1}, b"x", ObjectId("0" * 24), NOW, Timestamp(1, 2),
        Regex("a"), Code("f()"), float("nan"), float("inf"), Decimal128("4"),
    ]  # fmt: skip
    odd = [{"_id": n, "v": one} for n, one in enumerate(values)] + [{"_id": 99}]
    client.shop.odd.drop()
    client.shop.odd.insert_many(odd)
    stored = list(client.shop.odd.find())  # as the driver gives them
    expected = {one["_id"] for one in client.shop.odd.find({"v": given}, {"_id": 1})}
    assert {one["_id"] for one in stored if predicate({"v": given})(one)} == expected


# ------------------------------------------------------------------------------ what is estimated

ESTIMATED: list[tuple[list[tuple[str, int]], dict[str, Any], dict[str, Any]]] = [
    ([("store", 1)], {"store": 5}, {}),
    ([("store", 1), ("status", 1)], {"status": "c", "store": 5}, {}),
    ([("amount", 1)], {"amount": {"$gt": 100, "$lt": 150}}, {}),
    ([("status", 1), ("amount", 1)], {"status": "b", "amount": {"$gt": 300}}, {}),
    # Seeks: a range before an equality.
    ([("amount", 1), ("status", 1)], {"status": "e", "amount": {"$gt": 100}}, {}),
    ([("store", 1), ("customer", 1)], {"store": {"$gt": 100}, "customer": 77}, {}),
    ([("status", 1), ("created", 1)], {"status": "a"}, {"sort": {"created": -1}, "limit": 20}),
    ([("status", 1), ("created", 1)], {"status": "a", "flag": 1},
     {"sort": {"created": -1}, "limit": 20}),
    # No bounds for a later field where the first has no condition.
    ([("created", 1), ("status", 1)], {"status": "e"}, {"sort": {"created": 1}, "limit": 20}),
    # Sorted below the fetch.
    ([("status", 1), ("amount", 1), ("created", 1)], {"status": "b", "amount": {"$gt": 50}},
     {"sort": {"created": 1}, "limit": 10}),
    # $in merged in order, and too many to be.
    ([("store", 1), ("created", 1)], {"store": {"$in": [1, 2, 3]}},
     {"sort": {"created": 1}, "limit": 10}),
    ([("customer", 1), ("created", 1)], {"customer": {"$in": list(range(250))}},
     {"sort": {"created": 1}, "limit": 10}),
    ([("tags", 1)], {"tags": 4}, {}),
    ([("items.sku", 1), ("items.qty", 1)],
     {"items": {"$elemMatch": {"sku": 7, "qty": {"$gt": 2}}}}, {}),
    ([("name", 1)], {"name": {"$regex": "^Aab"}}, {}),
    ([("store", 1), ("amount", 1)], {"store": 5}, {"projection": {"_id": 0, "amount": 1}}),
    ([("status", 1)], {"status": {"$in": ["d", "e"]}}, {}),
    ([("flag", 1), ("score", -1)], {"flag": 0}, {"sort": {"score": -1}, "limit": 50}),
    ([("gone", 1)], {"gone": {"$ne": None}}, {}),
    ([("nested.city", 1), ("amount", 1)], {"nested.city": 4, "amount": {"$lt": 40}}, {}),
    # Seeks behind the sort, and of several values.
    ([("store", 1), ("score", -1), ("amount", 1)],
     {"store": {"$in": list(range(12))}, "amount": {"$gt": 200}},
     {"sort": {"score": -1}, "limit": 20}),
    ([("store", 1), ("flag", 1), ("status", 1)],
     {"store": {"$gt": 100}, "status": {"$in": ["c", "e"]}}, {}),
    ([("store", 1), ("score", 1), ("status", 1)],
     {"store": {"$in": [3, 4]}, "status": {"$in": ["c", "e"]}}, {}),
    ([("store", 1), ("customer", 1)],
     {"store": {"$lt": 20}, "customer": {"$in": list(range(0, 2000, 40))}}, {}),
    ([("flag", 1), ("customer", 1)],
     {"flag": {"$gte": 0}, "customer": {"$in": list(range(0, 2000, 40))}}, {}),
    # Types and remainders are in the bounds, so that nothing else is read.
    ([("ref", 1)], {"ref": {"$mod": [10, 3]}}, {}),
    ([("ref", 1)], {"ref": {"$type": "number"}}, {}),
    ([("gone", 1)], {"gone": {"$type": "int"}}, {}),
    ([("score", 1)], {"score": {"$type": "string"}}, {}),
    # What lies around that which is excluded.
    ([("amount", 1)], {"amount": {"$not": {"$lt": 300}}}, {}),
    ([("status", 1)], {"status": {"$not": {"$in": ["a", "b"]}}}, {}),
    ([("ref", 1)], {"ref": {"$gte": None}}, {}),
    # One element that meets both, not one that meets this and another that meets that.
    ([("items.sku", 1), ("items.qty", 1)],
     {"items": {"$elemMatch": {"sku": {"$in": list(range(20))}, "qty": {"$gt": 6}}}}, {}),
    ([("flag", 1), ("items.qty", 1), ("score", -1), ("items.sku", 1)],
     {"flag": 1, "items": {"$elemMatch": {"qty": 3, "sku": {"$lt": 20}}}},
     {"sort": {"score": -1}}),
]  # fmt: skip


@pytest.mark.parametrize("keys_given_more", ESTIMATED, ids=lambda one: str(one[0])[:60])
def test_work_is_estimated_as_the_server_does_it(
    client: Client, keys_given_more: tuple[Any, Any, Any]
) -> None:
    keys, given, more = keys_given_more
    orders = client.shop.orders
    name = orders.create_index(keys, name="tried")
    try:
        command = {"find": "orders", "filter": given, "hint": name, **more}
        told = client.shop.command({"explain": command, "verbosity": "executionStats"})
    finally:
        orders.drop_index(name)
    projection = more.get("projection")
    needed = frozenset(k for k, v in projection.items() if v) if projection else None
    query = query_of(
        "shop.orders", given, sort=more.get("sort", {}), limit=more.get("limit", 0), needed=needed
    )
    work = Estimator(Sample(documents_cache(), COUNT), query).with_keys(tuple(keys))
    stats = told["executionStats"]
    assert work is not None
    assert work.keys == pytest.approx(stats["totalKeysExamined"], rel=0.35, abs=12)
    assert work.docs == pytest.approx(stats["totalDocsExamined"], rel=0.35, abs=12)


# ------------------------------------------------------------------------------------- what is said


def one_query(session: Session, given: dict[str, Any], **more: Any) -> list[str]:
    """The indexes that are advised for one query, as mongosh prints their keys."""
    collection = more.pop("collection", "orders")
    command = more.pop("command", None) or {"find": collection, "filter": given, **more}
    report = suggest(session, Request(operation=command, collection=f"shop.{collection}"))
    return [str(row["keys"]) for row in report.tables[0].rows]


@pytest.mark.parametrize(
    ("given", "more", "accepted"),
    [
        ({"customer": 77}, {}, ["{customer: 1}"]),
        ({"store": 5, "status": "c"}, {}, ["{store: 1, status: 1}", "{status: 1, store: 1}",
                                           "{store: 1}"]),
        ({"status": "a"}, {"sort": {"created": -1}, "limit": 20},
         ["{status: 1, created: -1}", "{created: -1}"]),
        # Few in the range, and no equality that narrows: the range leads, the sort comes after.
        ({"flag": 1, "amount": {"$gt": 900}}, {"sort": {"created": 1}, "limit": 20},
         ["{flag: 1, amount: 1, created: 1}", "{amount: 1, created: 1}", "{amount: 1}",
          "{flag: 1, amount: 1}", "{amount: 1, flag: 1}"]),
        ({}, {"sort": {"score": -1, "amount": 1}, "limit": 10}, ["{score: -1, amount: 1}",
                                                                 "{score: -1}"]),
        ({"tags": 4, "status": "e"}, {}, ["{status: 1, tags: 1}", "{tags: 1, status: 1}"]),
        ({"ref": {"$exists": True}}, {}, ["{ref: 1} where {ref: {$exists: true}}"]),
        ({"gone": {"$ne": None}}, {}, ["{gone: 1}"]),
        ({"ref": {"$type": "number"}}, {}, ["{ref: 1}", "{ref: 1} where {ref: {$exists: true}}"]),
        ({"ref": {"$mod": [10, 3]}}, {}, ["{ref: 1}"]),
        ({"amount": {"$not": {"$lt": 900}}}, {}, ["{amount: 1}"]),
        ({"name": {"$regex": "^Aab"}}, {}, ["{name: 1}"]),
        ({"store": 5}, {"projection": {"_id": 0, "amount": 1}}, ["{store: 1, amount: 1}"]),
        ({"$expr": {"$eq": ["$customer", 77]}}, {}, ["{customer: 1}"]),
        ({"$expr": {"$and": [{"$eq": ["$customer", 77]}, {"$gt": ["$amount", "$score"]}]}}, {},
         ["{customer: 1}"]),
    ],
)  # fmt: skip
def test_one_query_gets_its_best_index(
    session: Session, given: dict[str, Any], more: dict[str, Any], accepted: list[str]
) -> None:
    (found,) = one_query(session, given, **more)
    assert found in accepted


@pytest.mark.parametrize(
    ("given", "more"),
    [
        ({"status": {"$in": ["a", "b"]}}, {}),
        ({"status": {"$ne": "e"}}, {}),
        ({"store": {"$nin": [3, 4]}}, {}),
        ({"gone": None}, {}),
        ({"_id": 5, "status": "a"}, {}),
        ({"tags": {"$size": 2}}, {}),
        # Of arrays, and for more than a range, the server reads all keys for what $not leaves.
        ({"tags": {"$not": {"$gt": 1}}}, {}),
        ({"score": {"$not": {"$gt": 0.1, "$lt": 2}}}, {}),
        ({"name": {"$regex": "b"}}, {}),
        ({"name": {"$regex": "^a", "$options": "i"}}, {}),
        ({"$where": "this.a == 1"}, {}),
        ({"$expr": {"$gt": ["$amount", "$score"]}}, {}),
        ({"$expr": {"$eq": ["$tags", 4]}}, {}),  # which is no search in arrays
        ({}, {}),
        ({"a": 3}, {"collection": "few"}),
        ({"none": {"$exists": False}}, {}),
    ],
)
def test_no_index_where_none_helps(
    session: Session, given: dict[str, Any], more: dict[str, Any]
) -> None:
    assert one_query(session, given, **more) == []


def test_no_index_beside_a_good_one(session: Session, client: Client) -> None:
    name = client.shop.orders.create_index([("customer", 1), ("created", -1)])
    try:
        assert one_query(session, {"customer": 77}) == []
        assert one_query(session, {"customer": 77}, sort={"created": 1}, limit=5) == []
    finally:
        client.shop.orders.drop_index(name)


NOCASE = {"locale": "en", "strength": 2}


def test_a_collation_has_an_index_of_its_own(session: Session, client: Client) -> None:
    """Texts under a collation need an index with it; numbers take any."""
    orders = client.shop.orders
    orders.create_index([("name", 1)])
    try:
        assert one_query(session, {"name": "aabcb"}) == []
        command = {"find": "orders", "filter": {"name": "aabcb"}, "collation": NOCASE}
        report = suggest(session, Request(operation=command, collection="shop.orders"))
        (row,) = report.tables[0].rows
        assert row["keys"] == '{name: 1} collation {locale: "en", strength: 2}'
        assert '"name_1_en"' in str(row["sql"])  # the name of the other one is taken
        orders.create_index([("name", 1)], name="name_1_en", collation=NOCASE)
        assert one_query(session, {"name": "aabcb"}, collation=NOCASE) == []
    finally:
        orders.drop_indexes()
    assert one_query(session, {"customer": 77}, collation=NOCASE) == ["{customer: 1}"]


def test_a_collection_may_have_a_collation_for_all(session: Session, client: Client) -> None:
    client.shop.drop_collection("folded")
    client.shop.create_collection("folded", collation=NOCASE)
    client.shop.folded.insert_many({**one, "_id": None} | {"_id": n}
                                   for n, one in enumerate(documents_cache()))  # fmt: skip
    suggested = '{name: 1} collation {locale: "en", strength: 2}'
    given = {"name": "aabcb"}
    assert one_query(session, given, collection="folded") == [suggested]
    client.shop.folded.create_index([("name", 1)])
    assert one_query(session, given, collection="folded") == []
    full = {**NOCASE, "caseFirst": "off", "alternate": "non-ignorable"}
    assert one_query(session, given, collection="folded", collation=full) == []
    assert one_query(session, given, collection="folded", collation={"locale": "simple"}) == [
        '{name: 1} collation {locale: "simple"}'
    ]
    assert one_query(session, {"customer": 77}, collection="folded") == ["{customer: 1}"]


def test_queries_of_two_collations_share_no_texts() -> None:
    sample = Sample(documents_cache(), COUNT)
    plain = query_of("shop.orders", {"name": "Aabcb"})
    folded = query_of("shop.orders", {"name": "Aabcb"}, collation=NOCASE)
    usages = [Usage(str(n), "shop.orders", 1.0, examples=[(0.0, one)])
              for n, one in enumerate((plain, folded))]  # fmt: skip
    found = advise(sample, Collection("shop.orders", COUNT, 10**7), usages)
    assert {one.collation for one in found.indexes} == {(), tuple(NOCASE.items())}
    existing = Index("shop.orders", "n", (("name", 1),))
    found = advise(sample, Collection("shop.orders", COUNT, 10**7, (existing,)), usages)
    assert [one.collation for one in found.indexes] == [tuple(NOCASE.items())]
    assert not any(found.replaced.values())


def test_an_index_of_some_documents_is_not_one_of_all(session: Session, client: Client) -> None:
    orders = client.shop.orders
    orders.create_index([("customer", 1)], partialFilterExpression={"flag": 1})
    try:
        assert one_query(session, {"customer": 77}) == ["{customer: 1}"]
        assert one_query(session, {"customer": 77, "flag": 1}) == []
    finally:
        orders.drop_indexes()


def fill_places(client: Client) -> None:
    if "places" in client.shop.list_collection_names():
        return
    rng = random.Random(5)
    client.shop.places.insert_many(
        {
            "_id": n,
            "at": {"type": "Point", "coordinates": [rng.uniform(5, 15), rng.uniform(45, 55)]},
            "flat": [rng.uniform(0, 100), rng.uniform(0, 100)],
            "kind": rng.randrange(8),
            "stars": rng.random() * 5,
            "attributes": {f"k{rng.randrange(9)}": rng.randrange(500)},
            "words": rng.choice(["red shoe", "blue shoe", "green hat"]),
            "pad": "x" * 100,
        }
        for n in range(6000)
    )


SQUARE = [[8, 48], [8.5, 48], [8.5, 48.5], [8, 48.5], [8, 48]]
WITHIN = {"at": {"$geoWithin": {"$geometry": {"type": "Polygon", "coordinates": [SQUARE]}}}}
NEAR = {"$near": {"$geometry": {"type": "Point", "coordinates": [9, 49]}, "$maxDistance": 30_000}}


@pytest.mark.parametrize(
    "given",
    [
        WITHIN,
        {"at": {"$geoWithin": {"$centerSphere": [[10, 50], 0.02]}}},
        {"at": {"$geoWithin": {"$geometry": {"type": "Polygon", "coordinates": [
            [[6, 46], [14, 46], [14, 54], [6, 54], [6, 46]], SQUARE]}}}},
        {"at": {"$geoIntersects": WITHIN["at"]["$geoWithin"]}},
        {"flat": {"$geoWithin": {"$box": [[10, 10], [30, 40]]}}},
        {"flat": {"$geoWithin": {"$center": [[50, 50], 20]}}},
        {"flat": {"$geoWithin": {"$polygon": [[10, 10], [30, 10], [20, 60]]}}},
        {"at": NEAR},
        {"flat": {"$near": [50, 50], "$maxDistance": 9}},
    ],
)  # fmt: skip
def test_places_are_inside_as_the_server_says(client: Client, given: dict[str, Any]) -> None:
    fill_places(client)
    places = client.shop.places
    places.create_index([("at", "2dsphere")])
    places.create_index([("flat", "2d")])
    try:
        expected = {one["_id"] for one in places.find(given, {"_id": 1})}
    finally:
        places.drop_indexes()
    found = {one["_id"] for one in places.find() if predicate(given)(one)}
    assert expected
    assert len(found ^ expected) <= 0.02 * len(expected) + 2  # sides are great circles there


@pytest.mark.parametrize(
    ("given", "more", "accepted"),
    [
        ({"at": NEAR, "kind": 3}, {"limit": 10}, ['{kind: 1, at: "2dsphere"}']),
        ({"at": NEAR}, {}, ['{at: "2dsphere"}']),
        ({"flat": {"$near": [50, 50]}}, {"limit": 5}, ['{flat: "2d"}']),
        (WITHIN, {}, ['{at: "2dsphere"}']),
        # Hardly anything is excluded by the place: the other condition is what narrows.
        ({"at": {"$geoWithin": {"$centerSphere": [[10, 50], 1]}}, "stars": {"$gt": 4.97}}, {},
         ["{stars: 1}", '{stars: 1, at: "2dsphere"}']),
        # Words are found by a text index alone, and a check says so.
        ({"$text": {"$search": "shoe"}, "stars": {"$gt": 4.97}}, {}, []),
    ],
)  # fmt: skip
def test_places_get_an_index_of_their_kind(
    client: Client,
    session: Session,
    given: dict[str, Any],
    more: dict[str, Any],
    accepted: list[str],
) -> None:
    fill_places(client)
    found = one_query(session, given, collection="places", **more)
    assert found in ([[one] for one in accepted] or [[]])
    if not accepted:
        return
    command = {"find": "places", "filter": given, **more}
    report = suggest(session, Request(operation=command, collection="shop.places"))
    assert "mongo.search-without-index" not in {one.rule for one in report.findings}


@pytest.mark.parametrize(
    "given",
    [
        {"at": {"$near": "nowhere"}},
        {"at": {"$near": {"$geometry": {"type": "Point", "coordinates": [1, 2]},
                          "$maxDistance": "far"}}},
        {"at": {"$geoWithin": {"$geometry": {"type": "Polygon", "coordinates": [[1, 2]]}}}},
        {"at": {"$geoIntersects": {"$geometry": {"type": "LineString",
                                                 "coordinates": [[1, 2], [3, 4]]}}}},
        {"flat": {"$geoWithin": {"$box": 3}}},
        {"area": {"$geoIntersects": WITHIN["at"]["$geoWithin"]}},
    ],
)  # fmt: skip
def test_places_that_cannot_be_told_are_not_estimated(
    client: Client, session: Session, given: dict[str, Any]
) -> None:
    fill_places(client)
    if "area" in given:
        area = {"type": "Polygon", "coordinates": [SQUARE]}
        client.shop.places.update_many({}, {"$set": {"area": area}})
    command = {"find": "places", "filter": given}
    report = suggest(session, Request(operation=command, collection="shop.places"))
    assert report.tables[0].rows == ()
    assert {one.rule for one in report.findings} == {"mongo.search-without-index"}


@pytest.mark.parametrize(
    ("keys", "given", "more"),
    [
        ([("kind", "hashed")], {"kind": 3}, {}),
        ([("stars", 1), ("attributes.k3", "hashed")], {"attributes.k3": 7, "stars": 1}, {}),
        ([("attributes.$**", 1)], {"attributes.k3": 7}, {}),
        ([("$**", 1)], {"attributes.k5": {"$gt": 480}}, {}),
        ([("at", "2dsphere")], {**WITHIN, "kind": 3}, {}),
        ([("at", "2dsphere")], {"at": NEAR, "kind": 3}, {}),
        ([("kind", 1), ("at", "2dsphere")], {"at": NEAR, "kind": 3}, {"limit": 3}),
        ([("words", "text")], {"$text": {"$search": "hat"}, "kind": 3}, {}),
    ],
)
def test_no_index_beside_one_of_another_kind(
    session: Session,
    client: Client,
    keys: list[tuple[str, Any]],
    given: dict[str, Any],
    more: dict[str, Any],
) -> None:
    fill_places(client)
    name = client.shop.places.create_index(keys)
    try:
        assert one_query(session, given, collection="places", **more) == []
    finally:
        client.shop.places.drop_index(name)


@pytest.mark.parametrize(
    ("projection", "served"),
    [({"attributes": 1}, True), ({"words": 0}, True), ({"words": 1}, False),
     ({"attributes.k3": 0}, False)],
)  # fmt: skip
def test_a_wildcard_index_may_leave_fields_out(
    session: Session, client: Client, projection: dict[str, int], served: bool
) -> None:
    fill_places(client)
    client.shop.places.create_index([("$**", 1)], wildcardProjection=projection)
    try:
        found = one_query(session, {"attributes.k3": 7}, collection="places")
        assert (found == []) is served
    finally:
        client.shop.places.drop_indexes()


def test_what_a_hash_and_a_wildcard_do_not_serve(session: Session, client: Client) -> None:
    fill_places(client)
    client.shop.places.create_index([("stars", "hashed")])
    client.shop.places.create_index([("attributes.$**", 1)])
    try:
        assert one_query(session, {"stars": {"$gt": 4.9}}, collection="places") == ["{stars: 1}"]
        found = one_query(session, {}, collection="places", sort={"stars": 1}, limit=9)
        assert found == ["{stars: 1}"]
        nowhere = {"attributes.k3": None, "kind": 3}
        assert one_query(session, nowhere, collection="places") == ["{kind: 1}"]
    finally:
        client.shop.places.drop_indexes()


def test_each_branch_of_or_gets_one_with_the_sort_at_its_end(session: Session) -> None:
    given = {"$or": [{"customer": 5}, {"store": 7}]}
    assert sorted(one_query(session, given)) == ["{customer: 1}", "{store: 1}"]
    found = one_query(session, given, sort={"created": 1}, limit=3)
    assert len(found) == 2
    assert all(one.endswith("created: 1}") for one in found) or sorted(found) == [
        "{customer: 1}", "{store: 1}"
    ]  # fmt: skip


def test_aggregations_counts_and_joins(session: Session) -> None:
    pipeline: list[dict[str, Any]] = [
        {"$match": {"customer": {"$lt": 3}}},
        {"$lookup": {"from": "customers", "localField": "customer", "foreignField": "number",
                     "as": "who"}},
    ]  # fmt: skip
    command = {"aggregate": "orders", "pipeline": pipeline}
    assert sorted(one_query(session, {}, command=command)) == ["{customer: 1}", "{number: 1}"]
    count = {"count": "orders", "query": {"store": 5}}
    assert one_query(session, {}, command=count) == ["{store: 1}"]
    distinct = {"distinct": "orders", "key": "store", "query": {}}
    assert one_query(session, {}, command=distinct) == ["{store: 1}"]
    stages = [{"$match": {"store": 5}}, {"$group": {"_id": "$status", "n": {"$sum": "$amount"}}}]
    group = {"aggregate": "orders", "pipeline": stages}
    (found,) = one_query(session, {}, command=group)
    assert found.startswith("{store: 1")
    write = {"q": {"customer": 9}, "u": {"$set": {"x": 1}}}
    assert one_query(session, {}, command=write) == ["{customer: 1}"]


# ----------------------------------------------------------------------------------- the workload


def test_a_recorded_workload_shares_indexes(
    new_mongodb: Callable[[], MongoDB],
) -> None:
    server = new_mongodb().start()
    with server.client() as client:
        fill(client)
        orders = client.shop.orders
        orders.create_index("store")
        client.shop.command("profile", 2)
        for n in range(4):
            list(orders.find({"customer": n, "status": "a"}))
            list(orders.find({"customer": n}).sort("created", -1).limit(5))
            list(orders.find({"store": n, "flag": 1}))
            orders.update_many({"customer": n}, {"$set": {"seen": 1}})
            list(orders.find({"status": {"$ne": "zz"}}).limit(10))
        client.shop.command("profile", 0)
        with Session(profile_from_url(server.url(), "a test"), Limits()) as session:
            report = suggest(session)
    rows = report.tables[0].rows
    assert [row["namespace"] for row in rows] == ["shop.orders"] * len(rows)
    assert str(rows[0]["keys"]).startswith("{customer: 1")
    assert len(rows) <= 2, [row["keys"] for row in rows]
    assert rows[0]["queries"] >= 2  # type: ignore[operator]
    missing_ones = [one for one in report.findings if one.rule == "mongo.missing-index"]
    assert missing_ones[0].remedy.sql.startswith(
        'db.getSiblingDB("shop").getCollection("orders").createIndex({customer: 1'
    )
    assert "system.profile of shop" in report.notes[0]


def test_nothing_is_written_and_the_least_privilege_is_enough(
    new_mongodb: Callable[[], MongoDB],
) -> None:
    server = new_mongodb().start(auth=True)
    with server.client() as root:
        fill(root)
        root.shop.orders.create_index("store")
        for name, roles in (
            ("reader", [{"role": "read", "db": "shop"}]),
            ("monitor", ["clusterMonitor"]),
        ):
            root.admin.command("createUser", name, pwd="secret", roles=roles)
        before = sorted(root.list_database_names())
        request = Request(operation={"find": "orders", "filter": {"customer": 5}},
                          collection="shop.orders")  # fmt: skip
        url = server.url("shop", user="reader", password="secret")
        with Session(profile_from_url(url, "a test"), Limits()) as session:
            report = suggest(session, request)
            assert [row["keys"] for row in report.tables[0].rows] == ["{customer: 1}"]
            assert suggest(session).skipped
        url = server.url(user="monitor", password="secret")
        with Session(profile_from_url(url, "a test"), Limits()) as session:
            refused = suggest(session, request)
        assert not refused.tables[0].rows
        assert 'role: "read", db: "shop"' in refused.skipped[0].remedy
        assert sorted(root.list_database_names()) == before
        assert "dbtune" not in str(root.shop.list_collection_names())


# ------------------------------------------------------------------------------- existing indexes


def verdicts(report: Report, rule: str) -> dict[str, Finding]:
    return {one.subject.rpartition(" ")[2]: one for one in report.findings if one.rule == rule}


def test_redundant_indexes_all_and_none_falsely(new_mongodb: Callable[[], MongoDB]) -> None:
    server = new_mongodb().start()
    indexes: list[tuple[str, list[tuple[str, Any]], dict[str, Any], bool]] = [
        ("a", [("a", 1)], {}, True),
        ("a_down", [("a", -1)], {}, True),
        ("ab", [("a", 1), ("b", 1)], {}, True),
        ("abc", [("a", 1), ("b", 1), ("c", 1)], {}, False),
        ("ab_down", [("a", 1), ("b", -1)], {}, False),
        ("ba", [("b", 1), ("a", 1)], {}, False),
        ("a_unique", [("u", 1)], {"unique": True}, False),
        ("u_longer", [("u", 1), ("a", 1)], {}, False),
        ("sparse", [("s", 1)], {"sparse": True}, False),
        ("s_longer", [("s", 1), ("a", 1)], {}, False),
        ("partial", [("p", 1)], {"partialFilterExpression": {"p": {"$gt": 5}}}, False),
        ("p_longer", [("p", 1), ("a", 1)], {}, False),
        ("ttl", [("t", 1)], {"expireAfterSeconds": 10**8}, False),
        ("t_longer", [("t", 1), ("a", 1)], {}, False),
        ("text_collated", [("n", 1)], {"collation": {"locale": "en", "strength": 2}}, False),
        ("n_longer", [("n", 1), ("a", 1)], {}, False),
        ("ignores_signs", [("n2", 1)], {"collation": {"locale": "en", "alternate": "shifted"}},
         False),
        ("n2_longer", [("n2", 1), ("a", 1)], {"collation": {"locale": "en"}}, False),
        ("same_collation", [("n3", 1)], {"collation": {"locale": "en", "strength": 3}}, True),
        ("n3_longer", [("n3", 1), ("a", 1)], {"collation": {"locale": "en"}}, False),
        ("hashed", [("h", "hashed")], {}, False),
        ("h_longer", [("h", 1), ("a", 1)], {}, False),
        ("geo", [("g", "2dsphere")], {}, False),
        ("text", [("w", "text")], {}, False),
        ("wild", [("m.$**", 1)], {}, False),
        ("to_array", [("k", 1)], {}, False),  # the longer one has a key for each element
        ("k_array", [("k", 1), ("tags", 1)], {}, False),
        ("both_array", [("tags", 1)], {}, True),
        ("both_longer", [("tags", 1), ("z", 1)], {}, False),
        ("shown", [("x", 1)], {}, False),
        ("hidden_longer", [("x", 1), ("y", 1)], {"hidden": True}, False),
        ("pair", [("q", -1), ("r", 1)], {}, True),  # the beginning of the other, read backwards
        ("pair_longer", [("q", 1), ("r", -1), ("v", 1)], {}, False),
    ]  # fmt: skip
    with server.client() as client:
        client.shop.c.insert_one({"a": 1, "tags": [1, 2], "k": 1})
        for name, keys, options, _ in indexes:
            client.shop.c.create_index(keys, name=name, **options)
        with Session(profile_from_url(server.url(), "a test"), Limits()) as session:
            report = suggest(session)
            for name in verdicts(report, "mongo.redundant-index"):
                client.shop.command("collMod", "c", index={"name": name, "hidden": True})
            mended = suggest(session)
    assert not verdicts(mended, "mongo.redundant-index"), "hidden as advised, and told again"
    found = verdicts(report, "mongo.redundant-index")
    assert set(found) == {name for name, _, _, redundant in indexes if redundant}
    first, *later = found["a"].remedy.sql.split("\n")
    assert 'hideIndex("a")' in first
    assert all(line.startswith("//") for line in later), "a script must not drop at once"
    assert set(verdicts(report, "mongo.hidden-index")) == {"hidden_longer"}
    assert not verdicts(report, "mongo.unused-index"), "counted for seconds only"


def test_unused_indexes_on_every_member(new_mongodb: Callable[[], MongoDB]) -> None:
    server = new_mongodb().start(rs=True)
    with server.client() as client:
        client.shop.c.insert_many({"a": n, "b": n} for n in range(10))
        client.shop.c.create_index("a")
        client.shop.c.create_index("b")
        client.shop.c.create_index("u", unique=True, sparse=True)
        list(client.shop.c.find({"a": 3}))
        profile = profile_from_url(server.url(), "a test")
        from dataclasses import replace

        eager = replace(profile, thresholds={"mongo.unused-index": {"min_days": 0.0}})
        with Session(eager, Limits()) as session:
            report = suggest(session)
        assert set(verdicts(report, "mongo.unused-index")) == {"b_1"}
        # A member that can't be asked may be the one that uses it.
        config = client.admin.command("replSetGetConfig")["config"]
        config["version"] += 1
        config["members"].append({"_id": 1, "host": "127.0.0.1:1", "priority": 0, "votes": 0})
        client.admin.command("replSetReconfig", config)
        with Session(eager, Limits()) as session:
            report = suggest(session)
        assert not verdicts(report, "mongo.unused-index")
        assert any("127.0.0.1:1" in note for note in report.notes)


def test_what_is_hidden_is_shown_again(session: Session, client: Client) -> None:
    client.shop.orders.create_index("customer", name="old", hidden=True)
    try:
        command = {"find": "orders", "filter": {"customer": 5}}
        request = Request(operation=command, collection="shop.orders")
        (found,) = (f for f in suggest(session, request).findings if f.rule != "mongo.hidden-index")
        assert found.remedy.sql == (
            'db.getSiblingDB("shop").getCollection("orders").unhideIndex("old")'
        )
        with pytest.raises(pymongo.errors.OperationFailure, match="already exists"):
            client.shop.orders.create_index("customer", name="customer_1")
        client.shop.command("collMod", "orders", index={"name": "old", "hidden": False})
        assert not suggest(session, request).findings
    finally:
        client.shop.orders.drop_index("old")


def test_a_partial_index_holds_only_what_it_says(client: Client) -> None:
    query = query_of("shop.orders", {"ref": {"$exists": True}})
    estimator = Estimator(Sample(documents_cache(), COUNT), query)
    partial = estimator.with_proposal(Proposal((("ref", 1),), "ref"))
    whole = estimator.with_proposal(Proposal((("ref", 1),)))
    assert partial is not None
    assert partial.docs == pytest.approx(COUNT / 60, rel=0.05)
    assert whole is None or whole.docs > 10 * partial.docs


def test_verified_on_a_copy_that_leaves_no_trace(server: MongoDB, client: Client) -> None:
    before = (client.list_database_names(), sorted(client.shop.list_collection_names()))
    request = Request(
        operation={"find": "orders", "filter": {"customer": 5}},
        collection="shop.orders",
        verify=True,
    )
    with Session(profile_from_url(server.url(), "a test"), Limits()) as session:
        report = suggest(session, request)
    table = next(one for one in report.tables if one.name == "verified")
    (row,) = table.rows
    assert row["before_docs"] == row["copied"]
    assert row["after_docs"] < 20  # type: ignore[operator]
    assert row["uses"] == "customer_1"
    assert (client.list_database_names(), sorted(client.shop.list_collection_names())) == before
    assert list(client.shop.orders.index_information()) == ["_id_"]


def test_a_copy_that_may_not_be_made_is_one_sentence(new_mongodb: Callable[[], MongoDB]) -> None:
    server = new_mongodb().start(auth=True)
    with server.client() as root:
        fill(root)
        root.admin.command(
            "createUser", "reader", pwd="secret", roles=[{"role": "read", "db": "shop"}]
        )
    request = Request(
        operation={"find": "orders", "filter": {"customer": 5}},
        collection="shop.orders",
        verify=True,
    )
    url = server.url("shop", user="reader", password="secret")
    with (
        Session(profile_from_url(url, "a test"), Limits()) as session,
        pytest.raises(UsageError, match="--verify can't build on a copy"),
    ):
        suggest(session, request)


def test_many_map_keys_share_a_wildcard_index(new_mongodb: Callable[[], MongoDB]) -> None:
    server = new_mongodb().start()
    with server.client() as client:
        client.shop.things.insert_many(
            {"attrs": {f"k{n % 12}": n, "x": 1}, "pad": "y" * 90} for n in range(3000)
        )
        client.shop.command("profile", 2)
        for n in range(12):
            list(client.shop.things.find({f"attrs.k{n}": 24 + n}))
        client.shop.command("profile", 0)
        told = dbtune("suggest-indexes", server.url("shop"), "-f", "json").ok().json
        (one,) = told["suggestions"]
        assert one["keys"] == '{"attrs.$**": 1}'
        assert one["queries"] == 12
        client.shop.things.create_index([("attrs.$**", 1)])
        stats = client.shop.command(
            {
                "explain": {"find": "things", "filter": {"attrs.k3": 27}},
                "verbosity": "executionStats",
            }
        )["executionStats"]
        assert stats["totalDocsExamined"] == 1


# ------------------------------------------------------------------------------- the command line


def test_the_command_fits_its_schema_and_gives_a_script(server: MongoDB) -> None:
    ask = (
        "suggest-indexes",
        server.url("shop"),
        "--collection",
        "orders",
        "--filter",
        "{customer: 5}",
        "--sort",
        "{created: -1}",
        "--find-limit",
        "5",
    )
    told = dbtune(*ask, "-f", "json").ok().json
    jsonschema.validate(told, dbtune("schema", "suggest-indexes").ok().json)
    assert told["suggestions"][0]["keys"].startswith("{customer: 1")
    script = dbtune(*ask, "-f", "sql").ok().out
    assert script.startswith("// dbtune suggest-indexes")
    assert 'db.getSiblingDB("shop").getCollection("orders").createIndex({customer: 1' in script
    assert "\n--" not in script
    verified = dbtune(*ask, "--verify", "-f", "json").ok().json
    assert verified["verified"][0]["after_docs"] <= 20
    for width in ("80", "200"):
        assert "{customer: 1" in dbtune(*ask, env={"COLUMNS": width}).ok().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--filter", "{a: 1}"), "--filter needs --collection"),
        (("--collection", "orders"), "needs a query"),
        (("--collection", "orders", "--filter", "{a:"), "--filter, character 4"),
        (
            ("--collection", "orders", "--filter", "{}", "--log", "x"),
            "give --collection or --log, not both",
        ),
        (("--sql", "SELECT 1"), "for PostgreSQL"),
        (("--log", "/nonexistent"), "there is no such file"),
        (("--database", "nowhere"), "there is no database 'nowhere'"),
        (("--collection", "nowhere.orders", "--filter", "{a: 1}"), "has no such collection"),
    ],
)
def test_mistakes_are_one_sentence(server: MongoDB, arguments: tuple[str, ...], said: str) -> None:
    result = dbtune("suggest-indexes", server.url("shop"), *arguments)
    assert said in result.err + result.out
    assert "Traceback" not in result.err


def test_a_log_as_the_workload(server: MongoDB, tmp_path: Path) -> None:
    entry = {
        "t": {"$date": "2024-05-01T12:00:00.000+00:00"},
        "s": "I",
        "c": "COMMAND",
        "id": 51803,
        "msg": "Slow query",
        "attr": {
            "type": "command",
            "ns": "shop.orders",
            "durationMillis": 90,
            "command": {"find": "orders", "filter": {"customer": 4}},
        },
    }
    log = tmp_path / "mongod.log"
    log.write_text("\n".join([json.dumps(entry)] * 5))
    told = dbtune("suggest-indexes", server.url(), "--log", str(log), "-f", "json").ok().json
    assert [one["keys"] for one in told["suggestions"]] == ["{customer: 1}"]
    assert told["suggestions"][0]["calls"] == 5


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"name": {"$regex": "^aabc$", "$options": "i"}}, True),
        ({"name": Regex("b", "i")}, True),
        ({"name": {"$regex": "^Aab"}}, False),
        ({"customer": 5, "name": {"$regex": "^a", "$options": "i"}}, False),
    ],
)
def test_searches_without_regard_to_case(
    server: MongoDB, session: Session, given: dict[str, Any], found: bool
) -> None:
    command = {"find": "orders", "filter": given}
    report = suggest(session, Request(operation=command, collection="shop.orders"))
    rules = {one.rule: one for one in report.findings}
    assert ("mongo.insensitive-search" in rules) is found
    if found:
        assert "strength: 2" in rules["mongo.insensitive-search"].remedy.sql
        with server.client() as client:
            client.shop.orders.create_index("name", collation={"locale": "en", "strength": 2})
            report = suggest(session, Request(operation=command, collection="shop.orders"))
            client.shop.orders.drop_indexes()
        (still,) = (f for f in report.findings if f.rule == "mongo.insensitive-search")
        assert not still.remedy.sql  # it is there: now the application has to change
