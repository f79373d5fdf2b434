"""From the raw keys of a format to the model: one shape for what four formats say differently.

The text format leaves out zeros, defaults and some names. So that a plan is equal whatever its
format was, the others lose what text cannot say: counters that are all zero are ``None`` in the
whole plan, ``Inner Unique`` counts with VERBOSE only, a trigger of a constraint has no name without
VERBOSE, and a Function Scan without a function has its alias for one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dbtune.postgres.plans.complete import is_complete
from dbtune.postgres.plans.exclusive import attribute
from dbtune.postgres.plans.keys import Value, number, text, typed
from dbtune.postgres.plans.model import (
    Buffers,
    IoTimes,
    Jit,
    Node,
    Plan,
    Planning,
    Serialization,
    Source,
    Trigger,
)
from dbtune.postgres.plans.nodes import raw_nodes, read_nodes
from dbtune.postgres.plans.raw import BUFFERS, IO, Raw, counters, items, name
from dbtune.postgres.plans.textplan import Document
from dbtune.postgres.plans.version import oldest_version

EXECUTION_KEYS = ("Execution Time", "Execution time", "Total runtime", "Total Runtime")
_DOCUMENT = frozenset(
    (
        *(
            "Plan",
            "Query Text",
            "Query Parameters",
            "Query Identifier",
            "Planning",
            "Planning Time",
        ),
        *("Planning time", "Triggers", "JIT", "Serialization", "Settings", *EXECUTION_KEYS),
    )
)


def build(document: Document, source: Source, duration_ms: float | None = None) -> Plan:
    """Make a plan of what one of the formats gave.

    Args:
        document: the raw keys, with a mapping under ``Plan`` that has a ``Node Type``.
        source: where it came from.
        duration_ms: the duration that the log has beside it.
    """
    raw = document.raw
    nodes = read_nodes(raw["Plan"])
    verbose = any("Output" in node.props or node.schema for node in nodes)
    planning = _planning(raw.get("Planning"))
    serialization = _serialization(raw.get("Serialization"))
    jit = _jit(raw.get("JIT"))
    triggers = _triggers(raw.get("Triggers"), nodes, verbose=verbose)
    settings = raw.get("Settings")
    query_id = number(raw.get("Query Identifier"))
    plan = Plan(
        nodes=nodes,
        source=source,
        truncated=document.truncated or not is_complete(nodes, raw),
        query=(name(raw, "Query Text") or "").rstrip() or None,
        parameters=name(raw, "Query Parameters"),
        query_id=None if query_id is None else int(query_id),
        duration_ms=duration_ms,
        planning_ms=_first(raw, "Planning Time", "Planning time"),
        execution_ms=_first(raw, *EXECUTION_KEYS),
        analyzed=any(node.loops is not None for node in nodes),
        timing=any(node.actual_total_ms is not None for node in nodes),
        buffers=any(one.buffers for one in (*nodes, planning) if one),
        io_timing=any(one.io for one in (*nodes, planning) if one),
        verbose=verbose,
        settings=_texts(settings) if isinstance(settings, Mapping) else {},
        jit=jit,
        planning=planning,
        serialization=serialization,
        triggers=triggers,
        extra=_extra(raw),
    )
    return attribute(plan)


def _planning(raw: object) -> Planning | None:
    if not isinstance(raw, Mapping):
        return None
    planning = Planning(
        buffers=counters(Buffers, raw, BUFFERS),
        io=counters(IoTimes, raw, IO),
        memory_used_kb=number(raw.get("Memory Used")),
        memory_allocated_kb=number(raw.get("Memory Allocated")),
    )
    return None if planning == Planning() else planning


def _serialization(raw: object) -> Serialization | None:
    if not isinstance(raw, Mapping):
        return None
    return Serialization(
        time_ms=number(raw.get("Time")),
        output_kb=number(raw.get("Output Volume")),
        format=name(raw, "Format"),
        buffers=counters(Buffers, raw, BUFFERS),
        io=counters(IoTimes, raw, IO),
    )


def _jit(raw: object) -> Jit | None:
    if not isinstance(raw, Mapping):
        return None
    timing = raw.get("Timing")
    timing = timing if isinstance(timing, Mapping) else {}
    generation = timing.get("Generation")
    parts = generation if isinstance(generation, Mapping) else {"Total": generation}
    options = raw.get("Options")
    return Jit(
        functions=number(raw.get("Functions")) or 0,
        options={
            text(key): typed("", value)
            for key, value in (options.items() if isinstance(options, Mapping) else ())
        },
        generation_ms=number(parts.get("Total")),
        deform_ms=number(parts.get("Deform")),
        inlining_ms=number(timing.get("Inlining")),
        optimization_ms=number(timing.get("Optimization")),
        emission_ms=number(timing.get("Emission")),
        total_ms=number(timing.get("Total")),
    )


def _triggers(raw: object, nodes: tuple[Node, ...], *, verbose: bool) -> tuple[Trigger, ...]:
    """Triggers; where the text format names no relation there is but one that is written."""
    written = {node.relation for node in nodes if node.type == "ModifyTable"}
    only = written.pop() if len(written) == 1 else None
    found = []
    for one in items(raw):
        if isinstance(one, Mapping):
            constraint = name(one, "Constraint Name")
            found.append(
                Trigger(
                    name=name(one, "Trigger Name") if verbose or not constraint else None,
                    constraint=constraint,
                    relation=name(one, "Relation") or only,
                    calls=number(one.get("Calls")) or 0,
                    time_ms=number(one.get("Time")),
                )
            )
    return tuple(found)


def _extra(raw: Raw) -> dict[str, Value]:
    return {
        text(key): found
        for key, value in raw.items()
        if key not in _DOCUMENT and (found := typed(text(key), value)) is not None
    }


def version_of(document: Document) -> int | None:
    """The oldest major version of PostgreSQL that prints such a plan, or ``None``."""
    return oldest_version(document.raw, raw_nodes(document.raw["Plan"]))


def _first(raw: Raw, *keys: str) -> float | None:
    for key in keys:
        if (value := raw.get(key)) is not None:
            return number(value.removesuffix(" ms")) if isinstance(value, str) else number(value)
    return None


def _texts(mapping: Mapping[Any, Any]) -> dict[str, str]:
    return {text(key): text(value) for key, value in mapping.items() if value is not None}
