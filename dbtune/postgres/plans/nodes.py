"""From raw keys to nodes: one shape for what four formats say differently."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dbtune.postgres.plans.citus import with_tasks
from dbtune.postgres.plans.keys import CONDITIONS, REMOTE, Value, number, text, typed
from dbtune.postgres.plans.model import Buffers, IoTimes, Node, Removed, Wal, Worker
from dbtune.postgres.plans.names import label
from dbtune.postgres.plans.raw import BUFFERS, IO, WAL, Raw, counters, items, name, positive
from dbtune.postgres.plans.tree import relationship

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
        *("Worker Number",),
    )
) | {*BUFFERS, *IO, *WAL, *_REMOVED, *CONDITIONS}
_SILENT = frozenset(
    (
        *("Subplans Removed", "Single Copy", "Async Capable", "Planned Partitions"),
        *("Exact Heap Blocks", "Lossy Heap Blocks", "Disk Usage"),
        *("Tuples Inserted", "Tuples Updated", "Tuples Deleted", "Tuples Skipped"),
    )
)
"""Properties that the text format leaves out when they are zero or false."""


def read_nodes(root: Raw) -> tuple[Node, ...]:
    """The nodes of a plan in tree order, without their own parts."""
    walked = list(_walk(root))
    verbose = any("Output" in raw or "Schema" in raw for _, raw in walked)
    children: list[list[int]] = [[] for _ in walked]
    for id_, ((_, parent, _), _) in enumerate(walked):
        if parent is not None:
            children[parent].append(id_)
    nodes: list[Node] = []
    for (depth, parent, nth), raw in walked:
        above = None if parent is None else nodes[parent]
        below = tuple(children[len(nodes)])
        nodes.append(_node(raw, len(nodes), depth, above, nth, below, verbose=verbose))
    return tuple(nodes)


def raw_nodes(root: Raw) -> Iterator[Raw]:
    """The keys of each node, in tree order."""
    return (raw for _, raw in _walk(root))


def _walk(root: Raw) -> Iterator[tuple[tuple[int, int | None, int], Raw]]:
    """Nodes in tree order, with depth, the parent's number, and which plain child they are."""
    stack: list[tuple[int, int | None, int, Raw]] = [(0, None, 1, root)]
    number_ = 0
    while stack:
        depth, parent, nth, node = stack.pop()
        node = with_tasks(node)
        yield (depth, parent, nth), node
        plain, children = 0, []
        for child in _children(node):
            plain += "Subplan Name" not in child
            children.append((depth + 1, number_, plain, child))
        stack += reversed(children)
        number_ += 1


def _children(node: Raw) -> Iterator[Raw]:
    for child in items(node.get("Plans")):
        if isinstance(child, Mapping):
            yield child


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
    conditions = {key: name(raw, key) or "" for key in CONDITIONS if raw.get(key)}
    loops = number(raw.get("Actual Loops"))
    executed = loops is None or loops > 0
    alias = name(raw, "Alias")
    function = name(raw, "Function Name") or name(raw, "Table Function Name")
    return Node(
        id=id_,
        parent=None if parent is None else parent.id,
        depth=depth,
        relationship=_relationship(raw, parent, nth),
        type=kind,
        label=label(dict(raw)),
        children=children,
        relation=name(raw, "Relation Name"),
        schema=name(raw, "Schema"),
        alias=alias,
        index=name(raw, "Index Name"),
        function=function or (alias if kind == "Function Scan" else None),
        cte=name(raw, "CTE Name"),
        subplan=name(raw, "Subplan Name"),
        strategy=name(raw, "Strategy"),
        partial_mode=name(raw, "Partial Mode"),
        operation=name(raw, "Operation"),
        join_type=name(raw, "Join Type"),
        parallel_aware=raw.get("Parallel Aware") in (True, "true"),
        disabled=raw.get("Disabled") in (True, "true"),
        remote=parent is not None and (parent.remote or parent.type in REMOTE),
        startup_cost=number(raw.get("Startup Cost")),
        total_cost=number(raw.get("Total Cost")),
        plan_rows=number(raw.get("Plan Rows")),
        plan_width=number(raw.get("Plan Width")),
        actual_startup_ms=number(raw.get("Actual Startup Time")) if executed else None,
        actual_total_ms=number(raw.get("Actual Total Time")) if executed else None,
        actual_rows=positive(raw.get("Actual Rows")),
        rows_step=0.01 if _has_decimals(raw.get("Actual Rows")) else 1,
        loops=None if loops is None else max(0, int(loops)),
        removed=_removed(raw, conditions, loops),
        buffers=counters(Buffers, raw, BUFFERS),
        io=counters(IoTimes, raw, IO),
        wal=counters(Wal, raw, WAL),
        workers=_workers(raw.get("Workers")),
        conditions=conditions,
        props=_props(raw, verbose=verbose),
    )


def _has_decimals(rows: object) -> bool:
    return isinstance(rows, float) or (isinstance(rows, str) and "." in rows)


def _relationship(raw: Raw, parent: Node | None, nth: int) -> str | None:
    """As the text format implies it: ModifyTable's only child was Member before 14."""
    if parent is None:
        return None
    given = name(raw, "Parent Relationship")
    if subplan := name(raw, "Subplan Name"):
        return given or ("SubPlan" if subplan.startswith("SubPlan") else "InitPlan")
    return relationship(parent.type, nth)


def _removed(raw: Raw, conditions: Mapping[str, str], loops: float | None) -> Removed:
    if loops is None:
        return Removed()
    found: dict[str, float] = {}
    for key, (field, needed) in _REMOVED.items():
        value = positive(raw.get(key)) or 0
        if value or any(condition in conditions for condition in needed):
            found[field] = value * loops
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
        if key == "Target Tables":
            value, others = _target_tables(value)
            props |= others
        found = typed(key, value)
        if found is not None and not (key in _SILENT and not found):
            props[key] = found
    return props


def _target_tables(tables: object) -> tuple[list[Any], dict[str, Value]]:
    """Tables, and what MERGE has among them that says something of itself."""
    named: list[Any] = []
    others: dict[str, Value] = {}
    for one in items(tables):
        if isinstance(one, Mapping) and "Relation Name" not in one:
            others |= _props(one, verbose=True)
        else:
            named.append(one)
    return named, others


def _grouping_sets(sets: object) -> dict[str, Value]:
    """Sets as ``("Group Key", ("a", "b"))``, in order; a single one is an ordinary Group Key.

    The text format does not show which of them share a sort or a hash table.
    """
    flat: list[tuple[str, tuple[str, ...]]] = []
    for one in items(sets):
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
    for one in items(raw):
        worker_number = number(one.get("Worker Number")) if isinstance(one, Mapping) else None
        if worker_number is None:
            continue
        loops = number(one.get("Actual Loops"))
        worker = Worker(
            number=int(worker_number),
            startup_ms=number(one.get("Actual Startup Time")),
            total_ms=number(one.get("Actual Total Time")),
            rows=positive(one.get("Actual Rows")),
            loops=None if loops is None else int(loops),
            buffers=counters(Buffers, one, BUFFERS),
            io=counters(IoTimes, one, IO),
            wal=counters(Wal, one, WAL),
            props=_props(one, verbose=True),
        )
        if worker != Worker(worker.number):
            workers.append(worker)
    return tuple(workers)
