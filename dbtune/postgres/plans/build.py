"""From the raw keys of a format to the model: one shape for what four formats say differently.

The text format leaves out zeros, defaults and some names. So that a plan is equal whatever its
format was, the others lose what text cannot say: counters that are all zero are ``None`` in the
whole plan, ``Inner Unique`` counts with VERBOSE only, a trigger of a constraint has no name without
VERBOSE, and a Function Scan without a function has its alias for one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from dbtune.postgres.plans.exclusive import attribute
from dbtune.postgres.plans.keys import CONDITIONS, Value, number, text, typed
from dbtune.postgres.plans.model import (
    Buffers,
    IoTimes,
    Jit,
    Node,
    Plan,
    Planning,
    Removed,
    Serialization,
    Source,
    Trigger,
    Wal,
    Worker,
)
from dbtune.postgres.plans.names import label
from dbtune.postgres.plans.textplan import Document
from dbtune.postgres.plans.tree import relationship
from dbtune.postgres.plans.version import oldest_version

Raw = Mapping[str, Any]

_BUFFERS = {
    f"{kind} {what} Blocks": f"{kind}_{what}".lower()
    for kind in ("Shared", "Local", "Temp")
    for what in ("Hit", "Read", "Dirtied", "Written")
    if kind != "Temp" or what in ("Read", "Written")
}
_IO = {
    f"{kind}I/O {what} Time": f"{kind.strip() or 'shared'}_{what}_ms".lower()
    for kind in ("", "Shared ", "Local ", "Temp ")
    for what in ("Read", "Write")
}
_WAL = {
    "WAL Records": "records",
    "WAL FPI": "fpi",
    "WAL Bytes": "bytes",
    "WAL Buffers Full": "buffers_full",
}
_REMOVED = {
    "Rows Removed by Filter": ("filter", ("Filter",)),
    "Rows Removed by Join Filter": ("join_filter", ("Join Filter",)),
    "Rows Removed by Index Recheck": ("recheck", ("Recheck Cond",)),
    "Rows Removed by Conflict Filter": ("conflict", ("Conflict Filter",)),
}
_FIELDS = frozenset(
    (
        *("Node Type", "Plans", "Parent Relationship", "Subplan Name", "Workers", "Schema"),
        *("Relation Name", "Alias", "Index Name", "Function Name", "Table Function Name"),
        *("CTE Name", "Strategy", "Partial Mode", "Operation", "Join Type", "Parallel Aware"),
        *("Disabled", "Startup Cost", "Total Cost", "Plan Rows", "Plan Width"),
        *("Actual Startup Time", "Actual Total Time", "Actual Rows", "Actual Loops"),
        *("Distributed Query", "Worker Number"),
    )
) | {*_BUFFERS, *_IO, *_WAL, *_REMOVED, *CONDITIONS}
_SILENT = frozenset(
    (
        *("Subplans Removed", "Single Copy", "Async Capable", "Planned Partitions"),
        *("Exact Heap Blocks", "Lossy Heap Blocks", "Disk Usage"),
        *("Tuples Inserted", "Tuples Updated", "Tuples Deleted", "Tuples Skipped"),
    )
)
"""Properties that the text format leaves out when they are zero or false."""


def build(document: Document, source: Source, duration_ms: float | None = None) -> Plan:
    """Make a plan of what one of the formats gave.

    Args:
        document: the raw keys, with a mapping under ``Plan`` that has a ``Node Type``.
        source: where it came from.
        duration_ms: the duration that the log has beside it.
    """
    raw = document.raw
    verbose = any("Output" in node or "Schema" in node for _, node in _walk(raw["Plan"]))
    nodes = _nodes(raw["Plan"], verbose=verbose)
    planning = _planning(raw.get("Planning"))
    serialization = _serialization(raw.get("Serialization"))
    jit = _jit(raw.get("JIT"))
    triggers = _triggers(raw.get("Triggers"), nodes, verbose=verbose)
    settings = raw.get("Settings")
    query_id = number(raw.get("Query Identifier"))
    plan = Plan(
        nodes=nodes,
        source=source,
        truncated=document.truncated,
        query=_name(raw, "Query Text"),
        parameters=_name(raw, "Query Parameters"),
        query_id=None if query_id is None else int(query_id),
        duration_ms=duration_ms,
        planning_ms=_first(raw, "Planning Time", "Planning time"),
        execution_ms=_first(raw, *_EXECUTION),
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


_EXECUTION = ("Execution Time", "Execution time", "Total runtime", "Total Runtime")
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
        *("Planning time", "Triggers", "JIT", "Serialization", "Settings", *_EXECUTION),
    )
)


def _walk(root: Raw) -> Iterator[tuple[tuple[int, int | None, int], Raw]]:
    """Nodes in tree order, with depth, the parent's number, and which plain child they are."""
    stack: list[tuple[int, int | None, int, Raw]] = [(0, None, 1, root)]
    number_ = 0
    while stack:
        depth, parent, nth, node = stack.pop()
        yield (depth, parent, nth), node
        plain, children = 0, []
        for child in _children(node):
            plain += "Subplan Name" not in child
            children.append((depth + 1, number_, plain, child))
        stack += reversed(children)
        number_ += 1


def _children(node: Raw) -> Iterator[Raw]:
    for child in _list(node.get("Plans")):
        if isinstance(child, Mapping):
            yield child
    yield from _tasks(node.get("Distributed Query"))


def _tasks(query: object) -> Iterator[Raw]:
    """What Citus has below its Custom Scan: sub-plans and tasks, as its text format shows them."""
    if not isinstance(query, Mapping):
        return
    for subplan in _list(query.get("Subplans")):
        if isinstance(subplan, Mapping):
            yield {"Node Type": "Distributed Subplan", "Plans": _remote(subplan), **subplan}
    job = query.get("Job")
    for task in _list(job.get("Tasks") if isinstance(job, Mapping) else None):
        if isinstance(task, Mapping):
            yield {"Node Type": "Task", "Plans": _remote(task), **task}


def _remote(task: Raw) -> list[Raw]:
    found: list[Raw] = []
    pending = [task.get("Remote Plan"), task.get("PlannedStmt")]
    while pending:
        one = pending.pop(0)
        if isinstance(one, list):
            pending = [*one, *pending]
        elif isinstance(one, Mapping):
            if "Node Type" in one:
                found.append(one)
            else:
                pending.insert(0, one.get("Plan"))
    return found


def _nodes(root: Raw, *, verbose: bool) -> tuple[Node, ...]:
    walked = list(_walk(root))
    children: list[list[int]] = [[] for _ in walked]
    for id_, ((_, parent, _), _) in enumerate(walked):
        if parent is not None:
            children[parent].append(id_)
    nodes: list[Node] = []
    for (depth, parent, nth), raw in walked:
        above = None if parent is None else nodes[parent]
        below = tuple(children[len(nodes)])
        nodes.append(_node(raw, len(nodes), depth, above, nth, below, verbose=verbose))
    return _without_zeros(nodes)


def _node(
    raw: Raw,
    id_: int,
    depth: int,
    parent: Node | None,
    nth: int,
    children: tuple[int, ...],
    *,
    verbose: bool,
) -> Node:
    kind = text(raw.get("Node Type", "???"))
    conditions = {key: _name(raw, key) or "" for key in CONDITIONS if raw.get(key)}
    loops = number(raw.get("Actual Loops"))
    executed = loops is None or loops > 0
    alias = _name(raw, "Alias")
    function = _name(raw, "Function Name") or _name(raw, "Table Function Name")
    return Node(
        id=id_,
        parent=None if parent is None else parent.id,
        depth=depth,
        relationship=_relationship(raw, parent, nth),
        type=kind,
        label=label(dict(raw)),
        children=children,
        relation=_name(raw, "Relation Name"),
        schema=_name(raw, "Schema"),
        alias=alias,
        index=_name(raw, "Index Name"),
        function=function or (alias if kind == "Function Scan" else None),
        cte=_name(raw, "CTE Name"),
        subplan=_name(raw, "Subplan Name"),
        strategy=_name(raw, "Strategy"),
        partial_mode=_name(raw, "Partial Mode"),
        operation=_name(raw, "Operation"),
        join_type=_name(raw, "Join Type"),
        parallel_aware=raw.get("Parallel Aware") in (True, "true"),
        disabled=raw.get("Disabled") in (True, "true"),
        startup_cost=number(raw.get("Startup Cost")),
        total_cost=number(raw.get("Total Cost")),
        plan_rows=number(raw.get("Plan Rows")),
        plan_width=number(raw.get("Plan Width")),
        actual_startup_ms=number(raw.get("Actual Startup Time")) if executed else None,
        actual_total_ms=number(raw.get("Actual Total Time")) if executed else None,
        actual_rows=_positive(raw.get("Actual Rows")),
        rows_step=0.01 if _has_decimals(raw.get("Actual Rows")) else 1,
        loops=None if loops is None else max(0, int(loops)),
        removed=_removed(raw, conditions, loops),
        buffers=_counters(Buffers, raw, _BUFFERS),
        io=_counters(IoTimes, raw, _IO),
        wal=_counters(Wal, raw, _WAL),
        workers=_workers(raw.get("Workers")),
        conditions=conditions,
        props=_props(raw, verbose=verbose),
    )


def _has_decimals(rows: object) -> bool:
    return isinstance(rows, float) or (isinstance(rows, str) and "." in rows)


def _positive(value: object) -> float | None:
    found = number(value)
    return None if found is None else max(0.0, found)


def _relationship(raw: Raw, parent: Node | None, nth: int) -> str | None:
    """As the text format implies it: ModifyTable's only child was Member before 14."""
    if parent is None:
        return None
    given = _name(raw, "Parent Relationship")
    if name := _name(raw, "Subplan Name"):
        return given or ("SubPlan" if name.startswith("SubPlan") else "InitPlan")
    return relationship(parent.type, nth)


def _removed(raw: Raw, conditions: Mapping[str, str], loops: float | None) -> Removed:
    if loops is None:
        return Removed()
    found: dict[str, float] = {}
    for key, (name, needed) in _REMOVED.items():
        value = _positive(raw.get(key)) or 0
        if value or any(condition in conditions for condition in needed):
            found[name] = value * loops
    return Removed(**found, error=0.5 * loops if loops > 1 and any(found.values()) else 0)


def _props(raw: Raw, *, verbose: bool) -> dict[str, Value]:
    props: dict[str, Value] = {}
    for key, value in raw.items():
        key = text(key)
        if key in _FIELDS or (key == "Inner Unique" and (not verbose or value in (False, "false"))):
            continue
        if key == "Scan Direction" and value != "Backward":
            continue
        if key == "Grouping Sets":
            props |= _grouping_sets(value)
            continue
        found = typed(key, value)
        if found is not None and not (key in _SILENT and not found):
            props[key] = found
    return props


def _grouping_sets(sets: object) -> dict[str, Value]:
    """Sets as ``("Group Key", ("a", "b"))``, in order; a single one is an ordinary Group Key.

    The text format does not show which of them share a sort or a hash table.
    """
    flat: list[tuple[str, tuple[str, ...]]] = []
    for one in _list(sets):
        for key, value in one.items() if isinstance(one, Mapping) else ():
            many = key.endswith("Keys") and isinstance(value, list)
            for keys in value if many else [value]:
                names = keys if isinstance(keys, list) else [] if keys is None else [keys]
                flat.append((text(key).removesuffix("s"), tuple(map(text, names))))
    if len(flat) == 1 and flat[0][0] == "Group Key":
        return {"Group Key": flat[0][1]}
    return {"Grouping Sets": tuple(flat)}


def _workers(raw: object) -> tuple[Worker, ...]:
    workers = []
    for one in _list(raw):
        worker_number = number(one.get("Worker Number")) if isinstance(one, Mapping) else None
        if worker_number is None:
            continue
        loops = number(one.get("Actual Loops"))
        worker = Worker(
            number=int(worker_number),
            startup_ms=number(one.get("Actual Startup Time")),
            total_ms=number(one.get("Actual Total Time")),
            rows=_positive(one.get("Actual Rows")),
            loops=None if loops is None else int(loops),
            buffers=_counters(Buffers, one, _BUFFERS),
            io=_counters(IoTimes, one, _IO),
            wal=_counters(Wal, one, _WAL),
            props=_props(one, verbose=True),
        )
        if worker != Worker(worker.number):
            workers.append(worker)
    return tuple(workers)


def _without_zeros(nodes: list[Node]) -> tuple[Node, ...]:
    """Counters that some node has are 0 where others have none."""
    zeros: dict[str, Any] = {
        name: kind()
        for name, kind in (("buffers", Buffers), ("io", IoTimes), ("wal", Wal))
        if any(getattr(node, name) for node in nodes)
    }
    return tuple(
        replace(node, **{name: getattr(node, name) or zero for name, zero in zeros.items()})
        for node in nodes
    )


def _counters(kind: Any, raw: Raw, keys: Mapping[str, str]) -> Any:
    """Counters that are not all zero, or ``None``."""
    found = {name: value for key, name in keys.items() if (value := _positive(raw.get(key)))}
    return kind(**found) if found else None


def _planning(raw: object) -> Planning | None:
    if not isinstance(raw, Mapping):
        return None
    planning = Planning(
        buffers=_counters(Buffers, raw, _BUFFERS),
        io=_counters(IoTimes, raw, _IO),
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
        format=_name(raw, "Format"),
        buffers=_counters(Buffers, raw, _BUFFERS),
        io=_counters(IoTimes, raw, _IO),
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
    for one in _list(raw):
        if isinstance(one, Mapping):
            constraint = _name(one, "Constraint Name")
            found.append(
                Trigger(
                    name=_name(one, "Trigger Name") if verbose or not constraint else None,
                    constraint=constraint,
                    relation=_name(one, "Relation") or only,
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
    """The oldest major version of PostgreSQL that prints these keys, or ``None``."""
    keys = {str(key) for key in document.raw}
    for _, node in _walk(document.raw["Plan"]):
        keys.update(map(str, node))
    return oldest_version(keys)


def _first(raw: Raw, *keys: str) -> float | None:
    for key in keys:
        if (value := raw.get(key)) is not None:
            return number(value.removesuffix(" ms")) if isinstance(value, str) else number(value)
    return None


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _texts(mapping: Mapping[Any, Any]) -> dict[str, str]:
    return {text(key): text(value) for key, value in mapping.items() if value is not None}


def _name(raw: Raw, key: str) -> str | None:
    value = raw.get(key)
    if value is None or value == "":
        return None
    return ", ".join(map(text, value)) if isinstance(value, list) else text(value)
