"""Commands, logs and shapes made a workload of queries."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from dbtune.errors import UsageError
from dbtune.mongo.indexes.advise import filled
from dbtune.mongo.indexes.commands import UNKNOWN, asked
from dbtune.mongo.indexes.facts import Collection, Proposal
from dbtune.mongo.indexes.propose import create_text, name_of
from dbtune.mongo.indexes.query import Query, query_of
from dbtune.mongo.indexes.sample import Sample
from dbtune.mongo.indexes.sources import counted, from_logs
from dbtune.mongo.indexes.usage import member_profile
from dbtune.mongo.indexes.workload import MOST_VARIANTS, Workload
from dbtune.mongo.logfile import Counts, operations
from dbtune.mongo.query_stats import entry_of
from dbtune.profile import profile_from_url


def one(command: dict[str, Any]) -> Query:
    (found,) = asked("shop.orders", command)
    return found.query


def test_a_find() -> None:
    query = one(
        {
            "find": "orders",
            "filter": {"a": 1, "$and": [{"b": {"$gt": 2}}]},
            "sort": {"c": -1},
            "skip": 10,
            "limit": 5,
            "projection": {"_id": 0, "a": 1},
        }
    )
    assert [(c.path, c.operator) for c in query.conditions] == [("a", "$eq"), ("b", "$gt")]
    assert query.sort == (("c", -1),)
    assert query.limit == 15
    assert query.needed == frozenset({"a"})


def test_or_of_one_field_is_in_and_branches_keep_apart() -> None:
    assert (
        one({"find": "x", "filter": {"$or": [{"a": 1}, {"a": 2}]}}).conditions[0].operator == "$in"
    )
    query = one({"find": "x", "filter": {"c": 3, "$or": [{"a": 1}, {"b": 2}]}})
    assert [[c.path for c in branch] for branch in query.branches] == [["a"], ["b"]]
    assert [c.path for c in query.conditions] == ["c"]


def test_aggregations() -> None:
    found = list(
        asked(
            "shop.orders",
            {
                "aggregate": "orders",
                "pipeline": [
                    {"$match": {"a": 1}},
                    {"$sort": {"b": -1}},
                    {"$limit": 3},
                    {"$lookup": {"from": "who", "localField": "c", "foreignField": "n", "as": "w"}},
                    {"$match": {"w.x": 1}},
                ],
            },
        )
    )
    main, join = found
    assert (main.query.sort, main.query.limit, main.query.needed) == ((("b", -1),), 3, None)
    assert [c.path for c in main.query.conditions] == ["a"]
    assert join.joined
    assert join.query.namespace == "shop.who"
    assert [c.path for c in join.query.conditions] == ["n"]
    group = one(
        {
            "aggregate": "orders",
            "pipeline": [{"$match": {"a": 1}}, {"$group": {"_id": "$b.c", "s": {"$sum": "$d"}}}],
        }
    )
    assert group.needed == frozenset({"b.c", "d"})
    assert one(
        {"aggregate": "orders", "pipeline": [{"$match": {"a": 1}}, {"$count": "n"}]}
    ).needed == (frozenset())
    root = one({"aggregate": "o", "pipeline": [{"$group": {"_id": 1, "d": {"$push": "$$ROOT"}}}]})
    assert root.needed is None


def test_a_joins_pipeline_asks_by_its_variables() -> None:
    same = {"$expr": {"$and": [{"$eq": ["$n", "$$c"]}, {"$gt": ["$d", "$$c"]}]}}
    stages = [
        {
            "$lookup": {
                "from": "who",
                "let": {"c": "$c"},
                "pipeline": [{"$match": same | {"state": "new"}}, {"$limit": 1}],
                "as": "w",
            }
        }
    ]
    _, join = asked("shop.orders", {"aggregate": "orders", "pipeline": stages})
    assert join.joined
    assert [(c.path, c.operator) for c in join.query.conditions] == [("n", "$eq"), ("state", "$eq")]
    alone = [{"$lookup": {"from": "who", "pipeline": [{"$match": {"a": 1}}], "as": "w"}}]
    assert len(list(asked("shop.orders", {"aggregate": "orders", "pipeline": alone}))) == 1


@pytest.mark.parametrize(
    ("stage", "given", "paths"),
    [
        ({"$project": {"shop": "$store", "a": 1}}, {"shop": 1, "a": {"$gt": 2}}, ["store", "a"]),
        ({"$project": {"shop": "$store"}}, {"shop.city": 1}, ["store.city"]),
        ({"$set": {"shop": "$store"}}, {"shop": 1, "b": 2}, ["store", "b"]),
        ({"$project": {"shop": "$store"}}, {"b": 2}, []),
        ({"$project": {"a": 0}}, {"a": 2}, []),
        ({"$set": {"shop": {"$add": ["$store", 1]}}}, {"shop": 1}, []),
        ({"$set": {"shop": "$store"}}, {"$or": [{"shop": 1}]}, ["store"]),
    ],
)
def test_a_filter_after_a_renaming_is_one_of_the_collection(
    stage: dict[str, Any], given: dict[str, Any], paths: list[str]
) -> None:
    query = one({"aggregate": "orders", "pipeline": [stage, {"$match": given}]})
    assert [c.path for c in query.conditions] == paths


def test_writes_and_other_commands() -> None:
    assert one({"q": {"a": 1}, "u": {"$set": {"b": 2}}}).kind == "write"
    assert one({"delete": "orders", "deletes": [{"q": {"a": 1}, "limit": 0}]}).kind == "write"
    assert one({"findAndModify": "orders", "query": {"a": 1}, "sort": {"b": 1}}).sort
    assert list(asked("shop.orders", {"insert": "orders", "documents": []})) == []
    assert list(asked("shop.orders", {})) == []


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=4)
    | st.sampled_from(["$a", "$$ROOT", "$$v"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "$match",
                    "$sort",
                    "$or",
                    "$and",
                    "$in",
                    "$gt",
                    "$elemMatch",
                    "$lookup",
                    "from",
                    "a",
                    "b.c",
                    "foreignField",
                    "$group",
                    "_id",
                    "$limit",
                    "$skip",
                    "$regex",
                    "$not",
                    "$exists",
                    "$expr",
                    "$project",
                    "$set",
                    "pipeline",
                    "$eq",
                ]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=15,
)


@given(
    st.sampled_from(["find", "aggregate", "count", "distinct", "update", "q", "x"]),
    anything,
    anything,
)
def test_whatever_a_command_holds_it_is_taken_or_left(name: str, a: Any, b: Any) -> None:
    command = {
        name: "c",
        "filter": a,
        "query": a,
        "q": a,
        "pipeline": b,
        "sort": b,
        "limit": b,
        "projection": b,
        "updates": b,
    }
    workload = Workload()
    workload.add({"op": "query", "ns": "d.c", "command": command, "millis": a})


# ------------------------------------------------------------------------------------------- logs


def entry(**attr: Any) -> str:
    base: dict[str, Any] = {
        "type": "command",
        "ns": "shop.orders",
        "appName": "shop",
        "durationMillis": 120,
        "docsExamined": 5000,
        "nreturned": 1,
    }
    return json.dumps(
        {
            "t": {"$date": "2024-05-01T12:00:00.000+00:00"},
            "s": "I",
            "c": "COMMAND",
            "id": 51803,
            "ctx": "conn1",
            "msg": "Slow query",
            "attr": base | attr,
        }
    )


FIND = {"find": "orders", "filter": {"status": "new", "n": {"$numberLong": "5"}}, "$db": "shop"}


def test_a_log_is_read_as_the_profiler_is() -> None:
    lines = [
        '{"t":{},"id":1,"msg":"Build Info"}',
        entry(command=FIND),
        "not json at all",
        entry(command=FIND, appName="dbtune"),
        '{"msg":"Slow query","id":51803,"attr":{"command":',
        json.dumps(
            {
                "id": 51803,
                "c": "WRITE",
                "msg": "Slow query",
                "attr": {
                    "type": "update",
                    "ns": "shop.orders",
                    "durationMillis": 9,
                    "command": {"q": {"a": 1}, "u": {"$set": {"b": 1}}},
                },
            }
        ),
        entry(command={"update": "orders", "updates": []}, ns="shop.$cmd"),
        entry(msg="Slow query", command={}),
    ]
    counts = Counts()
    found = list(operations(lines, counts))
    assert [(one["op"], one["millis"]) for one in found] == [("query", 120), ("update", 9)]
    assert found[0]["command"]["filter"]["n"] == 5
    assert (counts.lines, counts.operations, counts.unreadable) == (8, 2, 1)
    workload = Workload()
    workload.add_all(found)
    usage = workload.usages["shop.orders.find({n: ?, status: ?})", "shop.orders"]
    assert (usage.calls, usage.total_ms, usage.docs) == (1, 120, 5000)


@pytest.mark.parametrize("packed", [False, True])
def test_log_files(tmp_path: Path, packed: bool) -> None:
    text = "\n".join([entry(command=FIND)] * 3).encode()
    file = tmp_path / "mongod.log"
    file.write_bytes(gzip.compress(text) if packed else text)
    source = from_logs([str(file)])
    assert [usage.calls for usage in source.workload.usages.values()] == [3]
    if packed:
        file.write_bytes(gzip.compress(text * 9)[:-20])
        assert "could not be read to its end" in from_logs([str(file)]).notes[0]
    quiet = tmp_path / "quiet.log"
    quiet.write_text(json.dumps({"t": {"$date": "2026-11-28T10:00:00.000Z"}, "msg": "Build Info"}))
    assert "no slow operation" in from_logs([str(quiet)]).notes[0]
    old = tmp_path / "old.log"
    old.write_text("2020-05-20T19:17:06.188+0000 I  COMMAND  [conn1] command shop.orders 120ms\n")
    with pytest.raises(UsageError, match=r"MongoDB 4\.2 or older"):
        from_logs([str(old)])
    with pytest.raises(UsageError, match="no such file"):
        from_logs([str(tmp_path / "none.log")])


def test_patterns_and_zstd(tmp_path: Path) -> None:
    text = "\n".join([entry(command=FIND)] * 3).encode()
    (tmp_path / "a.log").write_bytes(text)
    (tmp_path / "b.log.zst").write_bytes(zstandard.compress(text))
    source = from_logs([str(tmp_path / "*.log*")])
    assert [usage.calls for usage in source.workload.usages.values()] == [6]


@given(st.lists(st.text(alphabet='{}[]":,Slow query51803attridcomnd \\', max_size=80), max_size=5))
def test_any_lines_are_read_or_counted(lines: list[str]) -> None:
    counts = Counts()
    list(operations([f'{one}"Slow query"' for one in lines], counts))
    assert counts.lines == len(lines)


def test_fields_whose_names_a_shape_leaves_out_are_told_apart() -> None:
    workload = Workload()
    for name in ("first name", "last name", "first name"):
        workload.add({"ns": "shop.people", "command": {"find": "people", "filter": {name: 1}}})
    assert [
        (one.text, one.calls, {c.path for query in one.queries for c in query.conditions})
        for one in workload.usages.values()
    ] == [
        ("shop.people.find({*: ?})", 2, {"first name"}),
        ("shop.people.find({*: ?})", 1, {"last name"}),
    ]
    for number in range(500):
        given = {f"seen.{number}": 1}
        workload.add({"ns": "shop.people", "command": {"find": "people", "filter": given}})
    assert len(workload.usages) == 2 + MOST_VARIANTS
    assert workload.left_out == 500 - MOST_VARIANTS


def test_only_the_slowest_examples_are_kept() -> None:
    workload = Workload()
    for n in range(50):
        workload.add(
            {"op": "query", "ns": "a.b", "millis": n, "command": {"find": "b", "filter": {"x": n}}}
        )
    (usage,) = workload.usages.values()
    assert usage.calls == 50
    assert [ms for ms, _ in usage.examples] == [49, 48, 47]


# ----------------------------------------------------------------------------------- $queryStats


def test_shapes_without_values_get_the_samples() -> None:
    shape = {
        "cmdNs": {"db": "shop", "coll": "orders"},
        "command": "find",
        "limit": "?number",
        "filter": {"$and": [{"status": {"$eq": "?string"}}, {"n": {"$in": "?array<?number>"}}]},
        "sort": {"n": -1},
    }
    metrics = {"execCount": 4, "totalExecMicros": {"sum": 8000}, "docsReturned": {"sum": 40}}
    entry = entry_of({"key": {"queryShape": shape}, "metrics": metrics}, lambda: UNKNOWN)
    assert entry is not None
    found = list(counted(entry))
    assert len(found) == 4
    assert found[0]["millis"] == 2
    query = one(found[0]["command"])
    assert query.limit == 10
    sample = Sample([{"status": "new", "n": 7}], 1)
    (with_values,) = filled([query], sample)
    assert [(c.path, c.operand) for c in with_values.conditions] == [("status", "new"), ("n", [7])]


# ------------------------------------------------------------------------------------ statements


def test_statements() -> None:
    index = Proposal((("a", 1), ("b.c", -1)), "a")
    assert create_text(index, Collection("shop.or'ders", 1, 1)) == (
        'db.getSiblingDB("shop").getCollection("or\'ders").createIndex({a: 1, "b.c": -1}, '
        '{name: "a_1_b.c_-1_partial", partialFilterExpression: {a: {$exists: true}}})'
    )
    long = Proposal(tuple((f"field_with_a_long_name_{n}", 1) for n in range(8)))
    assert len(name_of(long)) == 100
    assert name_of(long) == name_of(long)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "mongodb://u:p%40@a:1,b:2/shop?replicaSet=rs0&tls=true&authSource=x",
            "mongodb://u:p%40@c:3/shop?tls=true&authSource=x&directConnection=true",
        ),
        (
            "mongodb+srv://u:p@cluster.example/shop?readPreference=secondary",
            "mongodb://u:p@c:3/shop?directConnection=true&tls=true&authSource=admin",
        ),
        ("mongodb://a", "mongodb://c:3/?directConnection=true"),
    ],
)
def test_a_member_is_reached_as_the_set_is(url: str, expected: str) -> None:
    assert member_profile(profile_from_url(url, "a test"), "c:3").url.reveal() == expected


def test_a_query_without_conditions_needs_nothing() -> None:
    assert query_of("a.b", {}).paths == set()
