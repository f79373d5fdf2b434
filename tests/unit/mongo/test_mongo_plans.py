"""Explain output of sharded clusters and other forms that one mongod does not print."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbtune.finding import Finding, load_checks, run_checks
from dbtune.mongo.explain.report import Given, report
from dbtune.mongo.plans.build import build
from dbtune.mongo.plans.find import Found, find_documents
from dbtune.mongo.plans.model import Plan
from dbtune.mongo.shellprint import shell_text

CHECKS = load_checks("dbtune.mongo.plans.checks")


def read(document: dict[str, Any]) -> Plan:
    (found,) = find_documents(shell_text(document))
    return build(found)


def findings(plan: Plan) -> dict[str, Finding]:
    return {one.rule: one for one in run_checks(CHECKS, {"plan": plan})[0]}


def scan(rows: int, docs: int, ms: int) -> dict[str, Any]:
    return {
        "stage": "COLLSCAN",
        "filter": {"a": {"$eq": 1}},
        "nReturned": rows,
        "executionTimeMillisEstimate": ms,
        "docsExamined": docs,
    }


def shard_filter(inner: dict[str, Any], rows: int, ms: int, skips: int = 0) -> dict[str, Any]:
    return {
        "stage": "SHARDING_FILTER",
        "nReturned": rows,
        "executionTimeMillisEstimate": ms,
        "chunkSkips": skips,
        "inputStage": inner,
    }


def sharded(parts: dict[str, tuple[int, int, int]], skips: int = 0) -> dict[str, Any]:
    """A find on a cluster: for each shard documents returned, examined, milliseconds."""
    plan = {"stage": "SHARDING_FILTER", "inputStage": {"stage": "COLLSCAN", "filter": {"a": 1}}}
    return {
        "queryPlanner": {
            "winningPlan": {
                "stage": "SHARD_MERGE",
                "shards": [
                    {
                        "shardName": name,
                        "namespace": "shop.orders",
                        "winningPlan": plan,
                        "parsedQuery": {"a": {"$eq": 1}},
                        "serverInfo": {"version": "7.0.4"},
                    }
                    for name in parts
                ],
            }
        },
        "executionStats": {
            "nReturned": sum(rows for rows, _, _ in parts.values()),
            "executionTimeMillis": 250,
            "totalKeysExamined": 0,
            "totalDocsExamined": sum(docs for _, docs, _ in parts.values()),
            "executionStages": {
                "stage": "SHARD_MERGE",
                "nReturned": sum(rows for rows, _, _ in parts.values()),
                "executionTimeMillis": 240,
                "shards": [
                    {
                        "shardName": name,
                        "executionSuccess": True,
                        "executionStages": shard_filter(scan(rows, docs, ms), rows, ms + 10, skips),
                    }
                    for name, (rows, docs, ms) in parts.items()
                ],
            },
        },
    }


def test_shards_work_at_the_same_time_and_parts_add_up() -> None:
    plan = read(sharded({"one": (5, 90_000, 190), "two": (0, 70_000, 90)}))
    assert plan.shards == ("one", "two")
    assert plan.namespace == "shop.orders"
    assert plan.version == "7.0.4"
    assert (plan.total_rows, plan.docs_examined, plan.total_ms) == (5, 160_000, 250)
    assert sum(node.self_ms or 0 for node in plan.nodes) == pytest.approx(240)
    assert plan.unaccounted_ms == pytest.approx(10)
    scans = {node.shard: node.self_ms for node in plan.nodes if node.type == "COLLSCAN"}
    assert scans["one"] == pytest.approx(190 * 200 / 300)
    found = findings(plan)
    assert found["mongo.scatter-gather"].evidence["shards_without_result"] == 1
    assert "on shop.orders (" in found["mongo.collscan-discards-documents"].subject


@pytest.mark.parametrize("rows", [3, 900])
def test_scatter_gather(rows: int) -> None:
    assert "mongo.scatter-gather" in findings(read(sharded({"a": (rows, 9, 1), "b": (0, 9, 1)})))


def test_every_shard_that_returns_something_is_asked_for_a_reason() -> None:
    assert "mongo.scatter-gather" not in findings(read(sharded({"a": (3, 9, 1), "b": (4, 9, 1)})))
    assert "mongo.scatter-gather" not in findings(read(sharded({"a": (3, 9, 1)})))


def test_orphans() -> None:
    for skips in (200, 5000):
        plan = read(sharded({"a": (300, 900, 5)}, skips))
        assert f"{skips:,} of {skips + 300:,}" in findings(plan)["mongo.orphans-filtered"].message
    assert "mongo.orphans-filtered" not in findings(read(sharded({"a": (300, 900, 5)}, 3)))


def test_aggregation_on_shards() -> None:
    inner = {
        "queryPlanner": {"namespace": "shop.orders", "winningPlan": {"stage": "COLLSCAN"}},
        "executionStats": {
            "nReturned": 7,
            "executionTimeMillis": 30,
            "executionStages": {
                "stage": "COLLSCAN",
                "nReturned": 7,
                "docsExamined": 50,
                "executionTimeMillisEstimate": 25,
            },
        },
    }
    stages = [
        {"$cursor": inner, "nReturned": 7, "executionTimeMillisEstimate": 30},
        {"$group": {"_id": "$a"}, "nReturned": 2, "executionTimeMillisEstimate": 40},
    ]
    plan = read(
        {
            "serverInfo": {"version": "6.0.1"},
            "mergeType": "mongos",
            "splitPipeline": {
                "shardsPart": [],
                "mergerPart": [
                    {"$mergeCursors": {}},
                    {"$group": {"_id": "$$ROOT._id", "$doingMerge": True}},
                ],
            },
            "shards": {"x": {"host": "h:1", "stages": stages}, "y": {"host": "h:2", **inner}},
        }
    )
    assert [node.type for node in plan.nodes] == [
        "$group",
        "SHARD_MERGE",
        "$group",
        "$cursor",
        "COLLSCAN",
        "COLLSCAN",
    ]
    assert plan.shards == ("x", "y")
    assert plan.docs_examined == 100
    assert sum(node.self_ms or 0 for node in plan.nodes) == pytest.approx(plan.total_ms)
    assert not plan.covered


@pytest.mark.parametrize("fetch", [False, True])
def test_covered_needs_every_shard(fetch: bool) -> None:
    index = {"stage": "IXSCAN", "keyPattern": {"a": 1}, "indexName": "a_1"}
    other = {"stage": "FETCH", "inputStage": index} if fetch else index
    shards = [
        {"shardName": "x", "winningPlan": {"stage": "PROJECTION_COVERED", "inputStage": one}}
        for one in (index, other)
    ]
    winning = {"stage": "SHARD_MERGE", "shards": shards}
    assert read({"queryPlanner": {"winningPlan": winning}}).covered is not fetch


def test_express_plans_of_version_8() -> None:
    plan = read(
        {
            "queryPlanner": {"namespace": "a.b", "winningPlan": {"stage": "EXPRESS_IXSCAN"}},
            "executionStats": {
                "nReturned": 1,
                "totalKeysExamined": 1,
                "totalDocsExamined": 1,
                "executionTimeMillis": 0,
                "executionStages": {
                    "stage": "EXPRESS_IXSCAN",
                    "keyPattern": "{ a: 1 }",
                    "nReturned": 1,
                    "indexName": "a_1",
                    "keysExamined": 1,
                    "docsExamined": 1,
                },
            },
        }
    )
    assert (plan.root.index, plan.keys_examined, plan.covered) == ("a_1", 1, False)


def test_an_operation_that_the_profiler_kept() -> None:
    plan = read(
        {
            "op": "query",
            "ns": "shop.orders",
            "millis": 50,
            "nreturned": 1,
            "command": {"find": "orders", "filter": {"a": 1}, "$db": "shop"},
            "keysExamined": 0,
            "docsExamined": 5000,
            "execStats": scan(1, 5000, 48),
        }
    )
    assert plan.query == "orders.find({a: 1})"
    assert "mongo.collscan-discards-documents" in findings(plan)


@pytest.mark.parametrize(("saves", "fires"), [(5000, True), (90, True), (25, False)])
def test_many_yields(saves: int, fires: bool) -> None:
    stage = scan(1, 500, 100) | {"saveState": saves, "works": 501}
    plan = read(
        {
            "queryPlanner": {"winningPlan": scan(0, 0, 0)},
            "executionStats": {
                "executionTimeMillis": 100,
                "nReturned": 1,
                "executionStages": stage,
            },
        }
    )
    assert ("mongo.many-yields" in findings(plan)) is fires


def test_near_the_limit_of_memory() -> None:
    for used, fires in ((60_000_000, True), (104_857_600, True), (10_000_000, False)):
        stage = {
            "stage": "SORT",
            "nReturned": 9,
            "memLimit": 104857600,
            "totalDataSizeSorted": used,
        }
        plan = read({"queryPlanner": {}, "executionStats": {"executionStages": stage}})
        assert ("mongo.sort-near-limit" in findings(plan)) is fires


KEYS = (
    "stage inputStage inputStages shards queryPlanner winningPlan executionStats executionStages "
    "stages $cursor $lookup $group $unionWith pipeline splitPipeline mergerPart shardName filter "
    "nReturned executionTimeMillis executionTimeMillisEstimate docsExamined keysExamined works "
    "planNodeId queryPlan explainVersion command find sort rejectedPlans allPlansExecution "
    "memLimit usedDisk spills indexBounds keyPattern indexName parsedQuery specification"
).split()
odd = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["COLLSCAN", "", "x"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5)
    ),
    max_leaves=25,
)


@given(st.dictionaries(st.sampled_from(KEYS), odd, max_size=6))
def test_whatever_it_holds_it_is_told_and_judged(document: dict[str, Any]) -> None:
    plan = build(Found(document, 1, False))
    assert all((node.self_ms or 0) >= 0 for node in plan.nodes)
    told = report([Given(plan)])
    assert len(told.tables[0].rows) == 1
