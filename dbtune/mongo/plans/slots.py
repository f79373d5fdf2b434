"""Stages of the slot-based engine (SBE), told as the stages of the query that they carry out.

Each slot-based stage has the number of the query's stage that it is part of; a query's stage is
what its parts took together, and passed on what the outermost of them passed on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from dbtune.mongo.plans.raw import (
    Document,
    Raw,
    below,
    count,
    name_of,
    number,
    properties,
    stage_ms,
    text,
)

_SCANS = frozenset(("scan", "seek", "pscan", "scan_generic"))
_TOLD = (
    "usedDisk spills spilledBytes spilledDataStorageSize spilledRecords totalDataSizeSorted "
    "memLimit isCached"
).split()


@dataclass(slots=True)
class _Part:
    """What the slot-based stages of one of the query's stages took together."""

    ms: float = 0.0
    timed: bool = False
    rows: int | None = None
    keys: int | None = None
    docs: int | None = None
    told: dict[str, Any] = field(default_factory=dict)


def executed(stats: Document, query_plan: Document, namespace: str, shard: str) -> Raw:
    """The stages of a query as the slot-based engine executed them."""
    parts: dict[object, _Part] = {}
    _collect(stats, None, parts, _numbers(query_plan))
    return _raw(query_plan, parts, namespace, shard)


def _numbers(query_plan: Document) -> set[object]:
    found = {query_plan.get("planNodeId")}
    for one in below(query_plan):
        found |= _numbers(one)
    return found


def _collect(
    stats: Document, outer: object, parts: dict[object, _Part], known: set[object]
) -> None:
    node_id = stats.get("planNodeId")
    node_id = node_id if node_id in known else outer
    first = node_id not in parts
    part = parts.setdefault(node_id, _Part())
    children = list(below(stats))
    ms = stage_ms(stats)
    if ms is not None:
        part.timed = True
        part.ms += max(0.0, ms - sum(stage_ms(one) or 0.0 for one in children))
    if first:
        part.rows = count(stats.get("nReturned"))
    kind = name_of(stats)
    if kind in _SCANS:
        part.docs = (part.docs or 0) + (count(stats.get("numReads")) or 0)
    elif kind.startswith("ix"):
        read = stats.get("keysExamined", stats.get("numReads"))
        part.keys = (part.keys or 0) + (count(read) or 0)
    part.told |= {key: stats[key] for key in _TOLD if key in stats}
    for one in children:
        _collect(one, node_id, parts, known)


def _raw(node: Document, parts: dict[object, _Part], namespace: str, shard: str) -> Raw:
    part = parts.get(node.get("planNodeId"), _Part())
    children = [_raw(one, parts, namespace, shard) for one in below(node)]
    timed = part.timed or any(one.ms is not None for one in children)
    return Raw(
        name_of(node),
        properties(node) | part.told,
        children,
        ms=part.ms + sum(one.ms or 0.0 for one in children) if timed else None,
        rows=part.rows,
        keys=part.keys,
        docs=part.docs,
        namespace=text(node.get("namespace")) or namespace,
        shard=shard,
    )


def is_slot_based(document: Document) -> bool:
    """Whether explain output says that it is of the slot-based engine."""
    version = document.get("explainVersion")
    return text(version) == "2" or number(version) == 2
