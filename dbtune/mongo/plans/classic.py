"""Stages of the classic engine, of planner-only output, and of shards."""

from __future__ import annotations

from dbtune.mongo.plans.raw import (
    Document,
    Raw,
    below,
    count,
    items,
    mapping,
    name_of,
    properties,
    stage_ms,
    text,
)
from dbtune.mongo.plans.slots import executed as executed_slots


def planned(plan: Document, namespace: str, shard: str = "") -> Raw:
    """The stages of a ``winningPlan``."""
    plan = mapping(plan.get("queryPlan")) or plan
    found = Raw(name_of(plan), properties(plan), namespace=namespace, shard=shard)
    found.below = [planned(one, namespace, shard) for one in below(plan)]
    for one in map(mapping, items(plan.get("shards"))):
        found.parallel = True
        name = text(one.get("shardName"))
        place = text(one.get("namespace")) or namespace
        found.below.append(planned(mapping(one.get("winningPlan")), place, name))
    return found


def executed(stats: Document, plan: Document, namespace: str, shard: str = "") -> Raw:
    """The stages of ``executionStages``; ``plan`` is the winning plan that they executed."""
    query_plan = mapping(plan.get("queryPlan"))
    if query_plan and "planNodeId" in stats:
        return executed_slots(stats, query_plan, namespace, shard)
    found = Raw(
        name_of(stats),
        properties(stats),
        ms=stage_ms(stats),
        rows=_rows(stats),
        keys=count(stats.get("keysExamined")),
        docs=count(stats.get("docsExamined")),
        namespace=namespace,
        shard=shard,
    )
    found.below = [executed(one, {}, namespace, shard) for one in below(stats)]
    plans = {text(mapping(one).get("shardName")): mapping(one) for one in items(plan.get("shards"))}
    for one in map(mapping, items(stats.get("shards"))):
        found.parallel = True
        name = text(one.get("shardName"))
        told = plans.get(name, {})
        place = text(told.get("namespace")) or namespace
        stages = mapping(one.get("executionStages"))
        found.below.append(executed(stages, mapping(told.get("winningPlan")), place, name))
    return found


def _rows(stats: Document) -> int | None:
    """What a stage passed on; a stage that counts or writes passes nothing on, but tells more."""
    for key in ("nCounted", "nMatched", "nWouldDelete"):
        if (found := count(stats.get(key))) is not None:
            return found
    return count(stats.get("nReturned"))
