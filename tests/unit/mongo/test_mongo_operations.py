"""Operations of the profiler: read, getMores joined to their queries, added up by shape."""

from __future__ import annotations

import math
import statistics
from datetime import UTC, datetime
from typing import Any

import pytest
from bson import Int64
from hypothesis import given
from hypothesis import strategies as st

from dbtune.mongo.operations import operation_of, queries
from dbtune.mongo.sampling import Samples


def document(ms: float = 10, **more: Any) -> dict[str, Any]:
    return {
        "op": "query",
        "ns": "shop.orders",
        "command": {"find": "orders", "filter": {"a": 1}},
        "millis": ms,
        "ts": datetime(2026, 1, 1, tzinfo=UTC),
        "user": "app@admin",
    } | more


def test_what_the_profiler_tells_is_read() -> None:
    one = operation_of(
        document(
            docsExamined=20,
            keysExamined=Int64(30),
            nreturned=5,
            planSummary="IXSCAN { a: 1 }",
            hasSortStage=True,
            usedDisk=True,
            writeConflicts=3,
            queryHash="07AE3385",
            planningTimeMicros=1500,
            storage={"data": {"bytesRead": Int64(4096), "timeReadingMicros": 2500}},
            errCode=50,
        )
    )
    assert (one.docs, one.keys, one.rows) == (20, 30, 5)
    assert (one.read_bytes, one.read_ms, one.planning_ms) == (4096, 2.5, 1.5)
    assert (one.sorted_in_memory, one.used_disk, one.failed) == (True, True, True)
    assert (one.write_conflicts, one.hash, one.plan) == (3, "07AE3385", "IXSCAN { a: 1 }")


@pytest.mark.parametrize(
    ("more", "rows"),
    [
        ({"nreturned": 0}, 0),
        ({"nMatched": 9, "nModified": 0, "nUpserted": 0}, 9),
        ({"nMatched": 0, "nModified": 0, "nUpserted": 1}, 1),
        ({"ndeleted": 4}, 4),
        ({"ninserted": 2}, 2),
        ({}, None),
    ],
)
def test_rows_are_what_was_returned_or_changed(more: dict[str, Any], rows: int | None) -> None:
    assert operation_of(document(**more)).rows == rows


def test_a_newer_servers_hash_is_read() -> None:
    assert operation_of(document(planCacheShapeHash="AB12")).hash == "AB12"


def test_getmores_belong_to_their_query() -> None:
    find = document(10, cursorid=7, docsExamined=100, nreturned=101)
    more = document(
        20,
        op="getmore",
        command={"getMore": 7},
        originatingCommand=find["command"],
        cursorid=7,
        docsExamined=50,
        nreturned=50,
    )
    # Newest first, as they are read.
    (query,) = queries(map(operation_of, [more, more, find, document(30)]))
    assert query.statement.calls == 2
    assert query.statement.total_ms == 80
    assert query.statement.max_ms == 50
    assert query.statement.docs_examined == 200
    assert query.statement.rows == 201


def test_getmores_of_a_query_that_was_not_recorded_are_one_call() -> None:
    more = document(20, op="getmore", originatingCommand={"find": "x", "filter": {}}, cursorid=7)
    (query,) = queries(map(operation_of, [more, more, more]))
    assert (query.statement.calls, query.statement.total_ms) == (1, 60)


def test_shapes_are_told_apart_and_plans_counted() -> None:
    found = queries(
        map(
            operation_of,
            [
                document(1, planSummary="COLLSCAN"),
                document(2, planSummary="IXSCAN { a: 1 }", user="other@admin"),
                document(3, planSummary="IXSCAN { a: 1 }"),
                document(4, command={"find": "orders", "filter": {"b": 1}}),
            ],
        )
    )
    first, second = sorted(found, key=lambda query: query.statement.text)
    assert first.statement.calls == 3
    assert first.statement.plan_summary == "IXSCAN { a: 1 }; COLLSCAN"
    assert first.statement.users == ("app@admin", "other@admin")
    assert first.statement.databases == ("shop",)
    assert first.collection_scans == 1
    assert second.statement.text == "shop.orders.find({b: ?})"


@given(st.lists(st.integers(0, 10**7), min_size=1, max_size=60))
def test_mean_and_deviation_are_those_of_the_calls(times: list[int]) -> None:
    (query,) = queries(operation_of(document(ms)) for ms in times)
    one = query.statement
    assert one.calls == len(times)
    assert one.mean_ms == pytest.approx(statistics.fmean(times))
    assert one.stddev_ms == pytest.approx(statistics.pstdev(times), abs=1e-6)
    assert (one.min_ms, one.max_ms) == (min(times), max(times))


_anything = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner)),
    max_leaves=6,
)
_names = st.sampled_from(
    "op ns command originatingCommand user millis docsExamined keysExamined nreturned nModified ts "
    "planSummary hasSortStage writeConflicts queryHash cursorid storage errCode cursor opid "
    "microsecs_running effectiveUsers waitingForLock planningTimeMicros".split()
)


@given(st.lists(st.dictionaries(_names, _anything), max_size=5))
def test_hostile_documents_never_raise(documents: list[dict[str, Any]]) -> None:
    operations = [operation_of(one) for one in documents]
    assert all(math.isfinite(one.ms) for one in operations)
    assert sum(query.statement.calls for query in queries(operations)) <= len(documents)
    samples = Samples(seconds=1, count=1)
    for one in documents:
        samples.add(one)
    assert sum(one.calls for one in samples.statements()) <= len(documents)


def test_samples_are_estimates() -> None:
    samples = Samples(seconds=2.0, count=20)
    row = {
        "op": "query",
        "ns": "shop.orders",
        "command": {"find": "orders", "filter": {"a": 1}},
        "opid": 1,
        "microsecs_running": 1_500_000,
        "planSummary": "COLLSCAN",
        "effectiveUsers": [{"user": "app", "db": "admin"}],
    }
    for number in range(4):
        samples.add(row | {"opid": 1 + number // 2, "waitingForLock": number == 0})
    (one,) = samples.statements()
    assert (one.calls, one.total_ms, one.mean_ms, one.max_ms) == (2, 400, 200, 1500)
    assert one.waits == ("lock 25 %",)
    assert one.users == ("app@admin",)
    mine = Samples(user="somebody", seconds=2.0, count=20)
    mine.add(row)
    assert not mine.statements()
