"""Which version of PostgreSQL a plan is from, as far as its keys and names tell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

_SINCE = {
    "JIT": 11,
    "Settings": 12,
    "WAL Records": 13,
    "HashAgg Batches": 13,
    "Planning": 13,
    "Incremental Sort": 13,
    "Async Capable": 14,
    "Memoize": 14,
    "Query Identifier": 14,
    "Tid Range Scan": 14,
    "Merge": 15,
    "Temp I/O Read Time": 15,
    "Run Condition": 15,
    "Query Parameters": 16,
    "Right Anti": 16,
    "Deform": 17,
    "Memory Used": 17,
    "Shared I/O Read Time": 17,
    "Local I/O Read Time": 17,
    "Serialization": 17,
    "Disabled": 18,
    "Index Searches": 18,
    "Right Semi": 18,
    "Storage": 18,
    "Window": 18,
    "WAL Buffers Full": 18,
}
_NAMING = ("Node Type", "Join Type", "Operation")
"""Keys whose values are newer than the keys themselves."""


def oldest_version(raw: Mapping[str, Any], nodes: Iterable[Mapping[str, Any]]) -> int | None:
    """The oldest major version that prints such a plan; ``None`` if all are older than 11.

    Args:
        raw: the statement's keys.
        nodes: the nodes' keys.
    """
    words = set(map(str, raw))
    planning, jit = raw.get("Planning"), raw.get("JIT")
    words |= set(planning) if isinstance(planning, Mapping) else set()
    if isinstance(jit, Mapping) and "Deform" in str(jit.get("Timing")):
        words.add("Deform")
    since = 0
    for node in nodes:
        words |= {*map(str, node), *(str(node.get(key)) for key in _NAMING)}
        # Up to 16 an InitPlan says what it returns.
        name = str(node.get("Subplan Name", ""))
        if name.startswith("InitPlan ") and "(returns" not in name:
            since = 17
    return max(since, *(_SINCE.get(word, 0) for word in words)) or None
