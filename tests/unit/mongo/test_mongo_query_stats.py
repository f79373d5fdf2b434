"""``$queryStats`` as its documentation shows it; the mongod that the tests start has none."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from bson import Decimal128
from hypothesis import given
from hypothesis import strategies as st

from dbtune.mongo.query_stats import changed, command_of, entry_of, flat, queries, since

SEEN = datetime(2026, 11, 28, tzinfo=UTC)


def document(calls: int = 4, app: str = "web", **more: Any) -> dict[str, Any]:
    """An entry as MongoDB 7.0.12 tells it."""
    metrics = {
        "lastExecutionMicros": 4254,
        "execCount": calls,
        "totalExecMicros": {
            "sum": calls * 10_000,
            "max": 20_000,
            "min": 5_000,
            "sumOfSquares": Decimal128(str(calls * 10_000 * 10_000)),
        },
        "firstResponseExecMicros": {"sum": calls * 9_000},
        "docsReturned": {"sum": calls * 5},
        "firstSeenTimestamp": SEEN,
        "latestSeenTimestamp": SEEN,
    }
    return {
        "key": {
            "queryShape": {
                "cmdNs": {"db": "shop", "coll": "orders"},
                "command": "find",
                "filter": {
                    "$and": [{"status": {"$eq": "?string"}}, {"ref": {"$in": "?array<?number>"}}]
                },
                "sort": {"created": -1},
                "limit": "?number",
            },
            "client": {"application": {"name": app}, "driver": {"name": "PyMongo"}},
            "collectionType": "collection",
        },
        "queryShapeHash": "3F" * 32,
        "metrics": metrics | more,
        "asOf": SEEN,
    }


def entries(*documents: dict[str, Any]) -> dict[str, Any]:
    found = {str(n): entry_of(one) for n, one in enumerate(documents)}
    return {key: one for key, one in found.items() if one is not None}


def test_shapes_are_those_of_the_profiler_and_are_added_up_over_clients() -> None:
    found = entries(document(), document(calls=6, app="cron"))
    (one,) = queries(found)
    told = one.statement
    find = "shop.orders.find({ref: {$in: [?]}, status: ?})"
    assert told.text == f"{find}.sort({{created: -1}}).limit(?)"
    assert (told.calls, told.total_ms, told.mean_ms, told.rows) == (10, 100, 10, 50)
    assert (told.min_ms, told.max_ms, told.stddev_ms) == (5, 20, 0)
    assert (told.applications, told.variants) == (("cron", "web"), 2)
    assert (told.docs_examined, told.keys_examined) == (None, None)  # before 8.0
    assert since(found) == SEEN


def test_what_newer_versions_tell_in_sections() -> None:
    sections: dict[str, Any] = {
        "queryExec": {"docsExamined": {"sum": 4000}, "keysExamined": {"sum": 0}},
        "queryPlanner": {"hasSortStage": {"true": 3, "false": 1}, "usedDisk": {"true": 0}},
    }
    (one,) = queries(entries(document(**sections)))
    assert (one.statement.docs_examined, one.memory_sorts, one.disk_uses) == (4000, 3, 0)
    assert one.memory_sort_docs == 3000
    assert "docsExamined" in flat(sections)


def test_what_was_added_between_two_readings() -> None:
    before = entries(document(), document(calls=3))
    after = entries(document(calls=10), document(calls=3), document(calls=2))
    added = dict(changed(before, after))
    assert {key: one.calls for key, one in added.items()} == {"0": 6, "2": 2}
    assert added["0"].numbers["total_ms"] == 60
    assert added["0"].max_ms is None  # the largest of all time is not that of the interval


def test_one_that_was_thrown_out_meanwhile_has_begun_again() -> None:
    added = dict(changed(entries(document(calls=10)), entries(document(calls=2))))
    assert added["0"].calls == 2


def test_databases_are_narrowed_and_commands_without_collection_left_out() -> None:
    assert queries(entries(document()), "crm") == []
    other = document()
    other["key"]["queryShape"]["cmdNs"]["coll"] = "$cmd.aggregate"
    assert entry_of(other) is None


def test_an_aggregation() -> None:
    shape = {
        "cmdNs": {"db": "shop", "coll": "orders"},
        "command": "aggregate",
        "pipeline": [
            {"$match": {"a": {"$gt": "?number"}}},
            {"$group": {"_id": "$b", "n": {"$sum": "?number"}}},
        ],
    }
    found = command_of(shape, lambda: 7)
    assert found == {
        "ns": "shop.orders",
        "command": {
            "aggregate": "orders",
            "pipeline": [
                {"$match": {"a": {"$gt": 7}}},
                {"$group": {"_id": "$b", "n": {"$sum": 7}}},
            ],
        },
    }


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text("?$ab", max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from("db coll cmdNs command filter sort sum true metrics a".split()),
            inner,
            max_size=4,
        )
    ),
)


@pytest.mark.parametrize("where", ["key", "queryShape", "cmdNs", "metrics", "totalExecMicros"])
@given(value=anything)
def test_output_that_changes_breaks_nothing(where: str, value: Any) -> None:
    one = document()
    if where in one:
        one[where] = value
    elif where == "totalExecMicros":
        one["metrics"][where] = value
    elif where == "cmdNs":
        one["key"]["queryShape"][where] = value
    else:
        one["key"][where] = value
    for query in queries(entries(one)):
        assert query.statement.calls > 0
