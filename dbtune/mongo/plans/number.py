"""Stages numbered in tree order, and what each of them took itself.

A stage's time includes the stages below it, so its own part is what is left when theirs are taken
off. Three things are set right before:

* Clocks are read at different moments and rounded: where the parts below are more than the whole,
  the whole is raised, so that no part is negative and the parts add up.
* Shards work at the same time: their times are scaled so that together they are the longest.
* The server's execution time may be more than the root's: planning, trial runs, yields.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from dbtune.mongo.plans.model import Stage
from dbtune.mongo.plans.raw import MOST_STAGES, Raw, count, items, mapping, number, text
from dbtune.mongo.plans.texts import conditions_of, label_of

_MEMORY = ("totalDataSizeSorted", "memoryBytes", "maxUsedMemBytes", "peakTrackedMemBytes")


def numbered(root: Raw, execution_ms: float | None) -> tuple[tuple[Stage, ...], float | None]:
    """All stages in tree order with their own times, and the time that shares are of."""
    _raise(root)
    nodes: list[Stage] = []
    _number(root, None, 0, nodes, 1.0, "", root.namespace)
    if root.ms is None:
        return tuple(nodes), execution_ms
    total = max(root.ms, execution_ms or 0.0)
    if total:
        nodes = [
            replace(one, self_ratio=None if one.self_ms is None else one.self_ms / total)
            for one in nodes
        ]
    return tuple(nodes), total


def _raise(raw: Raw) -> float | None:
    """Raise times that are less than those below."""
    below = [ms for one in raw.below if (ms := _raise(one)) is not None]
    least = (max(below) if raw.parallel else sum(below)) if below else None
    if least is not None:
        raw.ms = max(raw.ms or 0.0, least)
    return raw.ms


def _number(
    raw: Raw,
    parent: int | None,
    depth: int,
    nodes: list[Stage],
    scale: float,
    shard: str,
    namespace: str,
) -> None:
    node_id = len(nodes)
    if node_id >= MOST_STAGES:
        return
    shard = raw.shard or shard
    namespace = raw.namespace or namespace
    nodes.append(_stage(raw, node_id, parent, depth, shard, namespace))
    times: list[float] = [one.ms or 0.0 for one in raw.below]
    together = sum(times)
    inner = scale * max(times) / together if raw.parallel and together > 0 else scale
    children = []
    for one in raw.below:
        children.append(len(nodes))
        _number(one, node_id, depth + 1, nodes, inner, shard, namespace)
    own = None if raw.ms is None else max(0.0, raw.ms * scale - together * inner)
    nodes[node_id] = replace(
        nodes[node_id],
        children=tuple(child for child in children if child < len(nodes)),
        inclusive_ms=raw.ms,
        self_ms=own,
    )


def _stage(
    raw: Raw, node_id: int, parent: int | None, depth: int, shard: str, namespace: str
) -> Stage:
    props = raw.props
    memory = next((found for key in _MEMORY if (found := number(props.get(key)))), None)
    return Stage(
        node_id,
        parent,
        depth,
        raw.type,
        label_of(raw.type, props),
        relation=_relation(raw, namespace),
        index=text(props.get("indexName")),
        key_pattern=mapping(props.get("keyPattern")),
        bounds=_bounds(props.get("indexBounds")),
        multikey=props.get("isMultiKey") is True,
        shard=shard,
        total_rows=raw.rows,
        keys_examined=raw.keys,
        docs_examined=raw.docs,
        works=count(props.get("works")),
        conditions=conditions_of(props),
        memory_bytes=count(memory),
        memory_limit_bytes=count(props.get("memLimit")),
        spilled=props.get("usedDisk") is True or bool(number(props.get("spills"))),
        spills=count(props.get("spills")),
        props=props,
    )


def _relation(raw: Raw, namespace: str) -> str:
    """The collection that a stage reads; a lookup's is another."""
    foreign = raw.props.get("foreignCollection")
    spec = mapping(raw.props.get("specification"))
    other = text(foreign) or text(spec.get("from")) or text(spec.get("coll"))
    if other:
        database = namespace.partition(".")[0]
        return other if text(foreign) or not database else f"{database}.{other}"
    reads = raw.docs is not None or raw.keys is not None or not raw.below
    return namespace if reads and not raw.type.startswith("$") else ""


def _bounds(given: object) -> dict[str, tuple[str, ...]]:
    """Ranges of each field; a count's are a first and a last key."""
    found: dict[str, tuple[str, ...]] = {}
    for key, value in mapping(given).items():
        if isinstance(value, list):
            found[str(key)] = tuple(str(one) for one in items(value)[:100])
        elif isinstance(value, Mapping):
            found[str(key)] = (_pairs(value),)
    return found


def _pairs(value: Mapping[str, Any]) -> str:
    from dbtune.mongo.shellprint import shell_text

    return shell_text(value)
