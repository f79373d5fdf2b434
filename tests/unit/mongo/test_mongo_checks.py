"""Checks on MongoDB queries: each with two literals, one that it finds and one that it does not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from dbtune.finding import Check, Finding, Level, load_checks
from dbtune.mongo.operations import Query, operation_of, queries

CHECKS = {one.name: one for one in load_checks("dbtune.mongo.checks")}


def query(command: Mapping[str, Any], calls: int = 10, op: str = "query", **more: Any) -> Query:
    """A query that was called so often, each call with these counters."""
    document = {"op": op, "ns": "shop.orders", "command": command, "millis": 50} | more
    (found,) = queries(operation_of(document) for _ in range(calls))
    return found


def find(given_filter: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"find": "orders", "filter": given_filter} | more


def run(name: str, *given: Query, **thresholds: object) -> list[Finding]:
    return CHECKS[name](list(given), **thresholds)


SCAN: dict[str, Any] = {"planSummary": "COLLSCAN", "docsExamined": 20_000, "nreturned": 5}
INDEX: dict[str, Any] = {
    "planSummary": "IXSCAN { amount: 1 }",
    "keysExamined": 2000,
    "docsExamined": 2000,
}


def test_every_check_is_documented() -> None:
    assert len(CHECKS) == 6
    for one in CHECKS.values():
        assert one.title
        assert {"Why", "Mistaken when", "Remedy"} <= set(one.documentation)
        assert one.name.startswith("mongo.")


@pytest.mark.parametrize("one", CHECKS.values(), ids=lambda one: one.name)
def test_nothing_is_found_where_nothing_is(one: Check) -> None:
    assert one([]) == []
    assert one([query(find({"_id": 1}), planSummary="IDHACK", docsExamined=1, nreturned=1)]) == []


def test_collection_scan() -> None:
    (found,) = run("mongo.collection-scan", query(find({"status": "new", "n": {"$gt": 1}}), **SCAN))
    assert found.level is Level.warning
    assert found.subject == "shop.orders.find({n: {$gt: ?}, status: ?})"
    assert found.message == (
        "10 of 10 calls read the whole collection: 20,000 documents on average to return 5"
    )
    assert "lead with status (compared for equality), then n (ranges)" in found.remedy.text


def test_collection_scan_of_a_group_is_only_a_hint() -> None:
    stages = [{"$match": {"a": 1}}, {"$group": {"_id": "$b"}}]
    command = {"aggregate": "orders", "pipeline": stages}
    (found,) = run("mongo.collection-scan", query(command, op="command", **SCAN))
    assert found.level is Level.info
    assert "not recorded" in found.message


@pytest.mark.parametrize(
    "innocent",
    [
        query(find({}), **SCAN),  # asks for everything
        query(find({"a": 1}), **SCAN | {"docsExamined": 900}),  # a small collection
        query(find({"a": 1}), **SCAN | {"nreturned": 15_000}),  # most of it matches
        query(find({"a": 1}), **SCAN | {"planSummary": "IXSCAN { a: 1 }"}),
    ],
)
def test_no_collection_scan(innocent: Query) -> None:
    assert not run("mongo.collection-scan", innocent)


def test_a_share_of_time_too_small_to_matter() -> None:
    rare = query(find({"a": 1}), calls=1, **SCAN)
    busy = query(find({"b": 1}), calls=1000, planSummary="IXSCAN { b: 1 }")
    assert not run("mongo.collection-scan", rare, busy)
    assert run("mongo.collection-scan", rare, busy, min_time_share=0.0)


def test_advice_for_conditions_that_no_index_narrows() -> None:
    (found,) = run("mongo.collection-scan", query(find({"a": {"$ne": 1}}), **SCAN))
    assert "No index narrows its conditions much" in found.remedy.text
    either = query(find({"$or": [{"a": 1}, {"b": 1}]}), **SCAN)
    (found,) = run("mongo.collection-scan", either)
    assert "Each branch of its $or" in found.remedy.text


SORTED: dict[str, Any] = find({"status": "new"}, sort={"created": -1}, limit=5)


def test_sort_in_memory() -> None:
    (found,) = run("mongo.sort-in-memory", query(SORTED, **INDEX, nreturned=5, hasSortStage=True))
    assert found.message == (
        "10 of 10 calls sorted in memory: 2,000 documents examined on average to return 5"
    )
    assert "lead with status (compared for equality), then the sort key {created: -1}" in (
        found.remedy.text
    )


@pytest.mark.parametrize(
    "innocent",
    [
        query(SORTED, **INDEX, nreturned=5),  # the index has the order
        query(SORTED, **INDEX | {"docsExamined": 40}, nreturned=5, hasSortStage=True),
        # The keys were sorted, and only the survivors fetched.
        query(SORTED, **INDEX | {"keysExamined": 30_000}, nreturned=2000, hasSortStage=True),
        # Groups are sorted, which no index can do.
        query(
            {"aggregate": "o", "pipeline": [{"$group": {"_id": "$a"}}, {"$sort": {"_id": 1}}]},
            op="command",
            **SCAN,
            hasSortStage=True,
        ),
    ],
)
def test_no_sort_in_memory(innocent: Query) -> None:
    assert not run("mongo.sort-in-memory", innocent)


def test_examined_far_more_than_returned() -> None:
    wide = query(find({"amount": {"$gt": 1}, "pad": 1}), **INDEX, nreturned=0)
    (found,) = run("mongo.examined-far-more-than-returned", wide)
    assert found.message == ("examined 2,000 documents a call by IXSCAN { amount: 1 } to return 0")


@pytest.mark.parametrize(
    "innocent",
    [
        query(find({"a": 1}), **INDEX, nreturned=1000),
        query(find({"a": 1}), **INDEX | {"docsExamined": 300}, nreturned=1),
        query({"count": "orders", "query": {"a": 1}}, **INDEX),
        query(find({"a": 1}), **SCAN),
        query(find({"a": 1}, skip=5000), **INDEX, nreturned=1),
    ],
)
def test_not_examined_far_more_than_returned(innocent: Query) -> None:
    assert not run("mongo.examined-far-more-than-returned", innocent)


def test_large_skip() -> None:
    page = query(find({}, sort={"_id": 1}, skip=14_000), keysExamined=14_020, nreturned=20)
    (found,) = run("mongo.large-skip", page)
    assert found.message == (
        "skips up to 14,000 documents; a call reads 14,020 on average to return 20"
    )
    assert not run("mongo.large-skip", query(find({}, skip=900), nreturned=20))


def test_spills_to_disk() -> None:
    (found,) = run("mongo.spills-to-disk", query(SORTED, **SCAN, usedDisk=True))
    assert found.message == "10 of 10 calls wrote temporary files"
    assert not run("mongo.spills-to-disk", query(SORTED, **SCAN))


def test_write_conflicts() -> None:
    update = {"q": {"_id": 1}, "u": {"$inc": {"n": 1}}}
    (found,) = run("mongo.write-conflicts", query(update, op="update", writeConflicts=3))
    assert found.message == "30 write conflicts in 10 calls, 3 each"
    assert not run("mongo.write-conflicts", query(update, op="update"))
    assert not run("mongo.write-conflicts", query(update, calls=2, op="update", writeConflicts=3))
