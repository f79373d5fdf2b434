"""A plan as a tree for people: what is worth saying of each node, in the fewest words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial

from dbtune.finding import Finding, Level
from dbtune.plan_tree import Part, PlanTree, TreeNode, Unit
from dbtune.postgres.explain.facts import facts_of, node_facts
from dbtune.postgres.plans.estimates import certain_factor
from dbtune.postgres.plans.model import BLOCK_BYTES, Buffers, Node, Plan
from dbtune.text import bytes_text, count_text, ms_text, plural, shorten

_LEAST_PART = 0.03
_MOST_PARTS = 6
_MOST_NUMBERS = 4
_MANY, _ALIKE = 5, 2.0
_LEAST_READ_BYTES = 1 << 20
_DETAIL_KEYS = ("Sort Key", "Presorted Key", "Group Key", "Hash Key")
_SAID_ALREADY = ("Function Call", "Table Function Call")


def tree_of(
    plan: Plan, findings: Sequence[Finding] = (), number: int = 0, unit: Unit | None = None
) -> PlanTree:
    """The tree of a plan.

    Args:
        plan: the plan.
        findings: what was found in it; evidence ``node`` says where.
        number: which of several plans it is; 0 for the only one.
        unit: what nodes are weighed by; time by default, or cost where there are no times.
    """
    unit = unit or ("ms" if plan.timing and plan.total_ms else "cost")
    whole = plan.total_ms if unit == "ms" else sum(amount(node, unit) or 0 for node in plan.nodes)
    by_node: dict[int, list[Finding]] = {}
    for finding in findings:
        if isinstance(node_id := finding.evidence.get("node"), int):
            by_node.setdefault(node_id, []).append(finding)
    payers: dict[int, list[int]] = {}
    for node in plan.nodes:
        for subplan in node.pays_for:
            payers.setdefault(subplan, []).append(node.id)
    nodes = tuple(
        _tree_node(plan, node, unit, whole or 0, by_node.get(node.id, ()), payers.get(node.id, ()))
        for node in plan.nodes
    )
    outside: tuple[Part, ...] = ()
    if unit == "ms" and whole:
        outside = tuple(Part(name, "", ms / whole) for name, ms in _outside(plan) if ms > 0)
    return PlanTree(
        headline(plan, number),
        unit,
        nodes,
        tuple(_parts(plan, nodes, outside)),
        plan.query or "",
        whole or 0.0,
        outside,
        partial(facts_of, plan),
    )


def amount(node: Node, unit: Unit) -> float | None:
    """A node's own part; ``None`` if the plan does not tell."""
    if unit == "blocks":
        return None if node.self_buffers is None else touched(node.self_buffers)
    return node.self_ms if unit == "ms" else node.self_cost


def touched(blocks: Buffers) -> float:
    """Blocks found in a cache, read, or written to temporary files."""
    found = blocks.shared_hit + blocks.local_hit + blocks.shared_read + blocks.local_read
    return found + blocks.temp_read + blocks.temp_written


def headline(plan: Plan, number: int = 0) -> str:
    """What the whole took, in one line."""
    words = [f"Plan {number}"] if number else []
    if plan.truncated:
        words.append("CUT OFF")
    if plan.execution_ms is not None:
        words.append(f"execution {ms_text(plan.execution_ms)}")
    elif plan.duration_ms is not None:
        words.append(f"duration {ms_text(plan.duration_ms)}")
    elif plan.total_ms is not None:
        words.append(f"executed in {ms_text(plan.total_ms)}")
    elif not plan.analyzed:
        words.append("estimated only")
    if plan.root.total_cost is not None and not plan.timing:
        words.append(f"cost {count_text(plan.root.total_cost)}")
    if plan.planning_ms is not None:
        words.append(f"planning {ms_text(plan.planning_ms)}")
    rows = plan.root.total_rows if plan.analyzed else plan.root.plan_rows
    if rows is not None:
        words.append(plural(round(rows), "row"))
    if plan.root.buffers and plan.analyzed:
        words += _blocks(plan.root)
    if plan.jit and plan.jit.total_ms:
        words.append(f"JIT {ms_text(plan.jit.total_ms)}")
    return " · ".join(words)


def _blocks(root: Node) -> Iterator[str]:
    buffers = root.buffers
    assert buffers is not None
    for name, blocks in (
        ("from cache", buffers.shared_hit + buffers.local_hit),
        ("read", buffers.shared_read + buffers.local_read),
        ("temp written", buffers.temp_written),
    ):
        if blocks:
            yield f"{bytes_text(blocks * BLOCK_BYTES)} {name}"


# -------------------------------------------------------------------------------------- the parts


def _parts(plan: Plan, nodes: Sequence[TreeNode], outside: Iterable[Part]) -> Iterator[Part]:
    """What took most: nodes, and what no node has. Small parts are left to the rest."""
    groups = _alike(plan, nodes)
    grouped = {node.id for group in groups for node in group}
    parts = [
        Part(f"#{node.id}", node.title, node.share)
        for node in nodes
        if node.share and node.id not in grouped
    ]
    parts += [_together(plan, group) for group in groups]
    parts += outside
    parts = [part for part in parts if part.share >= _LEAST_PART]
    if len(parts) > 1 or (parts and len(nodes) > 1):
        yield from sorted(parts, key=lambda part: -part.share)[:_MOST_PARTS]


def _alike(plan: Plan, nodes: Sequence[TreeNode]) -> list[list[TreeNode]]:
    """Nodes of a kind: siblings that took about the same, as scans of partitions do; small ones."""
    found = []
    siblings: dict[tuple[int | None, str], list[TreeNode]] = {}
    for node in nodes:
        if node.share:
            one = plan.nodes[node.id]
            siblings.setdefault((one.parent, one.label), []).append(node)
    for group in siblings.values():
        most = _ALIKE * sum(node.share or 0 for node in group) / len(group)
        equal = [node for node in group if (node.share or 0) <= most]
        if len(equal) >= _MANY:
            found.append(equal)
    taken = {node.id for group in found for node in group}
    small: dict[str, list[TreeNode]] = {}
    for node in nodes:
        if node.share and node.share < _LEAST_PART and node.id not in taken:
            small.setdefault(plan.nodes[node.id].label, []).append(node)
    return [*found, *(group for group in small.values() if len(group) > 1)]


def _together(plan: Plan, group: Sequence[TreeNode]) -> Part:
    first = plan.nodes[group[0].id]
    where = f"on {first.relation}, ..." if first.relation else ""
    return Part(f"{len(group)} × {first.label}", where, sum(node.share or 0 for node in group))


def _outside(plan: Plan) -> Iterator[tuple[str, float]]:
    """What no node took: triggers that ran after them, making the result fit to send, the rest."""
    for trigger in plan.outside_triggers:
        name = trigger.name or trigger.constraint or ""
        yield f"trigger {name}".strip(), trigger.time_ms or 0
    output = (plan.serialization.time_ms or 0) if plan.serialization else 0
    yield "serialization", output
    yield "outside the nodes", (plan.unaccounted_ms or 0) - output


# -------------------------------------------------------------------------------------- the nodes


def _tree_node(
    plan: Plan,
    node: Node,
    unit: Unit,
    whole: float,
    findings: Iterable[Finding],
    payers: Sequence[int],
) -> TreeNode:
    own = amount(node, unit)
    # A node without numbers (Citus' Task) is not one that never ran.
    executed = not plan.analyzed or node.loops != 0
    ordered = sorted(findings, key=lambda one: -(one.level or Level.info))
    rules = dict.fromkeys(one.rule.partition(".")[2] for one in ordered)
    return TreeNode(
        node.id,
        node.depth,
        title(node),
        amount=own if executed else None,
        share=own / whole if whole and executed and own is not None else None,
        estimate=node.plan_rows if node.planned_total_rows is None else node.planned_total_rows,
        rows=node.total_rows if executed else None,
        loops=node.loops if executed and plan.analyzed else None,
        factor=_factor(plan, node),
        more=node.row_direction == "under",
        executed=executed,
        marks=(*_payments(node, payers), *_marks(node)),
        details=tuple(_details(node)),
        level=max((one.level or Level.info for one in ordered), default=None),
        rules=tuple(rules),
        facts=partial(node_facts, node),
    )


def _factor(plan: Plan, node: Node) -> float | None:
    """How far off the estimate is; not of what was stopped early, nor of writing without RETURNING.

    Such differences are no errors, and would hide those that are.
    """
    if node.row_factor is None or (node.type == "ModifyTable" and not node.total_rows):
        return None
    return certain_factor(plan, node)


def _payments(node: Node, payers: Sequence[int]) -> Iterator[str]:
    """A sub-plan's time is part of that of the nodes that needed it, wherever it hangs."""
    if payers:
        yield f"for {_numbers(payers)}"
    if node.pays_for:
        yield f"pays for {_numbers(node.pays_for)}"


def _numbers(nodes: Sequence[int]) -> str:
    shown = [f"#{number}" for number in nodes[:_MOST_NUMBERS]]
    return ", ".join(shown) + (" ..." if len(nodes) > _MOST_NUMBERS else "")


def title(node: Node) -> str:
    """What a node does, on what; the index comes among the marks, since a line may be cut."""
    words = [f"{node.subplan}:"] if node.subplan else []
    words.append(node.label)
    name = node.relation or node.function or node.cte
    if name:
        words.append(f"on {name}")
    elif node.index:
        words.append(f"on {node.index}")
    if node.alias and node.alias != name:
        words.append(node.alias if name else f"on {node.alias}")
    return " ".join(words)


def _marks(node: Node) -> Iterator[str]:
    if node.loops == 0:
        yield "never executed"
        return
    if node.disabled:
        yield "disabled"
    if node.index and node.relation:
        yield f"using {node.index}"
    planned, launched = node.number("Workers Planned"), node.number("Workers Launched")
    if planned is not None and launched is None:
        yield f"{count_text(planned)} workers"
    elif launched is not None:
        of = f" of {count_text(planned)}" if planned is not None and planned > launched else ""
        yield f"{count_text(launched)}{of} workers"
    if pruned := node.number("Subplans Removed"):
        yield f"{count_text(pruned)} pruned"
    yield from _removed(node)
    yield from _memory(node)
    yield from _reads(node)


def _removed(node: Node) -> Iterator[str]:
    removed = node.removed
    gone = (removed.filter or 0) + (removed.join_filter or 0)
    if gone:
        yield f"−{plural(round(gone), 'row')}"
    if removed.recheck:
        yield f"−{count_text(round(removed.recheck))} rechecked"
    if removed.conflict:
        yield f"{count_text(round(removed.conflict))} conflicts"


def _memory(node: Node) -> Iterator[str]:
    """What did not fit into work_mem."""
    temp = node.self_buffers.temp_written if node.self_buffers else 0
    if temp:
        yield f"spill {bytes_text(temp * BLOCK_BYTES)}"
    elif disk := _disk_kb(node):
        yield f"spill {bytes_text(disk * 1024)}"
    batches = node.number("Hash Batches") or node.number("HashAgg Batches") or 0
    if batches > 1:
        yield f"{count_text(batches)} batches"
    if node.number("Lossy Heap Blocks"):
        yield "lossy bitmap"
    if evictions := node.number("Cache Evictions"):
        yield f"{count_text(evictions)} evictions"


def _disk_kb(node: Node) -> float:
    every = [node.props, *(worker.props for worker in node.workers)]
    used = [
        props.get("Sort Space Used") for props in every if props.get("Sort Space Type") == "Disk"
    ]
    used += [props.get("Disk Usage") for props in every]
    if node.text("Storage") in ("Disk", "disk"):
        used.append(node.props.get("Maximum Storage"))
    return sum(kb for kb in used if isinstance(kb, int | float))


def _reads(node: Node) -> Iterator[str]:
    if node.self_buffers:
        read = (node.self_buffers.shared_read + node.self_buffers.local_read) * BLOCK_BYTES
        if read >= _LEAST_READ_BYTES:
            yield f"read {bytes_text(read)}"
    if node.self_io and sum(node.self_io.values()) >= 1:
        yield f"I/O {ms_text(sum(node.self_io.values()))}"
    if fetches := node.number("Heap Fetches"):
        yield f"{count_text(fetches)} heap fetches"


def _details(node: Node) -> Iterator[str]:
    for key, text in node.conditions.items():
        if key not in _SAID_ALREADY:
            yield f"{key}: {shorten(text, 2000)}"
    for key in _DETAIL_KEYS:
        if texts := node.texts(key):
            yield f"{key}: {shorten(', '.join(texts), 2000)}"
