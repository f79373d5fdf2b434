"""Stages of an aggregation: a chain, of which the last is the root, and the shards' parts of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dbtune.mongo.plans.raw import (
    Document,
    Raw,
    count,
    items,
    mapping,
    number,
    stage_ms,
    text,
)

Read = Callable[[Document], Raw | None]
"""Reads the plan of a cursor that stands inside a stage."""


def chain(
    stages: Sequence[Any], read: Read, source: Raw | None = None, shard: str = ""
) -> Raw | None:
    """The stages of a pipeline, the last one outermost.

    Args:
        stages: as explain prints them.
        read: reads the plan in ``$cursor``.
        source: what the first stage takes its documents from.
        shard: where they run.
    """
    for stage in map(mapping, stages):
        name = next((str(key) for key in stage if str(key).startswith("$")), "")
        if not name:
            continue
        made = _stage(name, stage, read, shard)
        if source is not None:
            made.below.insert(0, source)
        source = made
    return source


def _stage(name: str, stage: Document, read: Read, shard: str) -> Raw:
    spec = stage.get(name)
    told = {str(key): value for key, value in stage.items() if key != name}
    below: list[Raw] = []
    if isinstance(spec, Mapping) and ("queryPlanner" in spec or "executionStats" in spec):
        inner = read(spec)
        below, spec = ([inner] if inner is not None else []), None
    elif name == "$unionWith" and isinstance(spec, Mapping):
        inner = chain(items(spec.get("pipeline")), read, shard=shard)
        if inner is not None and any(one.namespace for one in inner.walk()):
            below = [inner]
    memory = mapping(told.get("maxAccumulatorMemoryUsageBytes"))
    held = [found for found in map(number, memory.values()) if found is not None]
    if held:
        told["memoryBytes"] = round(sum(held))
    return Raw(
        name,
        told | ({} if spec is None else {"specification": spec}),
        below,
        ms=stage_ms(stage),
        rows=count(stage.get("nReturned")),
        keys=count(stage.get("totalKeysExamined")),
        docs=count(stage.get("totalDocsExamined")),
        shard=shard,
    )


def sharded(document: Document, read: Callable[[Document, str], Raw | None]) -> Raw:
    """The shards' parts of a pipeline, and above them what merges their results."""
    split = mapping(document.get("splitPipeline"))
    where = text(document.get("mergeType")) or "mongos"
    parts = [read(mapping(one), str(name)) for name, one in mapping(document.get("shards")).items()]
    found = [one for one in parts if one is not None]
    root: Raw = Raw("SHARD_MERGE" if len(found) > 1 else "SINGLE_SHARD", {"mergeType": where})
    root.below, root.parallel = found, True
    times = [one.ms for one in found if one.ms is not None]
    root.ms = max(times, default=None)
    if found and not split:
        rows = [one.rows for one in found if one.rows is not None]
        root.rows = sum(rows) if len(rows) == len(found) else None
    merged = [
        one for one in items(split.get("mergerPart")) if not {"$mergeCursors"} & mapping(one).keys()
    ]
    return chain(merged, lambda _: None, root) or root
