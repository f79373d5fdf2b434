"""An explained operation as a tree for people: what is worth saying of each stage."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial

from dbtune.finding import Finding, Level
from dbtune.mongo.plans.checks import removed
from dbtune.mongo.plans.model import Plan, Stage
from dbtune.mongo.shellprint import shell_text
from dbtune.plan_tree import Fact, Part, PlanTree, TreeNode
from dbtune.text import bytes_text, count_text, ms_text, plural, shorten

_LEAST_PART = 0.03
_MOST_PARTS = 6
_MOST_BOUNDS = 3
_LONGEST = 2000


def tree_of(plan: Plan, findings: Sequence[Finding] = (), number: int = 0) -> PlanTree:
    """The tree of an operation.

    Args:
        plan: the operation.
        findings: what was found in it; evidence ``node`` says where.
        number: which of several it is; 0 for the only one.
    """
    by_node: dict[int, list[Finding]] = {}
    for finding in findings:
        if isinstance(node_id := finding.evidence.get("node"), int):
            by_node.setdefault(node_id, []).append(finding)
    nodes = tuple(_tree_node(plan, stage, by_node.get(stage.id, ())) for stage in plan.nodes)
    outside: tuple[Part, ...] = ()
    if plan.total_ms and plan.unaccounted_ms:
        outside = (Part("outside the stages", "", plan.unaccounted_ms / plan.total_ms),)
    return PlanTree(
        headline(plan, number),
        "ms",
        nodes,
        tuple(_parts(nodes, outside)),
        plan.query,
        plan.total_ms or 0.0,
        outside,
    )


def headline(plan: Plan, number: int = 0) -> str:
    """What the whole took, in one line."""
    words = [f"Plan {number}"] if number else []
    if plan.namespace:
        words.append(plan.namespace)
    if plan.truncated:
        words.append("CUT OFF")
    if plan.error:
        words.append("FAILED")
    words += list(_numbers(plan)) if plan.analyzed else ["planned only, not executed"]
    if plan.covered:
        words.append("covered by the index")
    if plan.shards:
        words.append(plural(len(plan.shards), "shard"))
    if plan.engine == "sbe":
        words.append("slot-based engine")
    return " · ".join(words)


def _numbers(plan: Plan) -> Iterator[str]:
    if plan.total_ms is not None:
        yield f"executed in {ms_text(plan.total_ms)}"
    rows = plan.total_rows
    if rows is not None:
        yield plural(rows, "document")
    for name, examined in (("key", plan.keys_examined), ("document", plan.docs_examined)):
        if examined is None:
            continue
        ratio = ""
        if rows and examined > rows:
            ratio = f" ({count_text(round(examined / rows, 1))} for each)"
        yield f"{plural(examined, name)} examined{ratio}"


def _parts(nodes: Sequence[TreeNode], outside: Sequence[Part]) -> Iterator[Part]:
    parts = [Part(f"#{node.id}", node.title, node.share) for node in nodes if node.share]
    parts += outside
    parts = [part for part in parts if part.share >= _LEAST_PART]
    if len(parts) > 1 or (parts and len(nodes) > 1):
        yield from sorted(parts, key=lambda part: -part.share)[:_MOST_PARTS]


def _tree_node(plan: Plan, stage: Stage, findings: Iterable[Finding]) -> TreeNode:
    ordered = sorted(findings, key=lambda one: -(one.level or Level.info))
    rules = dict.fromkeys(one.rule.partition(".")[2] for one in ordered)
    timed = plan.timing
    return TreeNode(
        stage.id,
        stage.depth,
        title(plan, stage),
        amount=stage.self_ms if timed else None,
        share=stage.self_ratio,
        rows=stage.total_rows,
        marks=tuple(_marks(plan, stage)),
        details=tuple(_details(stage)),
        level=max((one.level or Level.info for one in ordered), default=None),
        rules=tuple(rules),
        facts=partial(_facts, stage),
    )


def title(plan: Plan, stage: Stage) -> str:
    """What a stage does, on what."""
    above = plan.nodes[stage.parent].shard if stage.parent is not None else ""
    words = [f"{stage.shard}:"] if stage.shard and stage.shard != above else []
    words.append(stage.label)
    if stage.index:
        words.append(stage.index)
    elif stage.type in ("COLLSCAN", "IDHACK", "CLUSTERED_IXSCAN") and stage.relation:
        words.append(f"on {stage.relation}")
    return " ".join(words)


def _marks(plan: Plan, stage: Stage) -> Iterator[str]:
    if stage.key_pattern:
        yield shell_text(stage.key_pattern)
    if stage.props.get("direction") == "backward":
        yield "backward"
    if stage.multikey:
        yield "multikey"
    if stage.keys_examined is not None:
        yield plural(stage.keys_examined, "key")
    if stage.docs_examined is not None:
        yield plural(stage.docs_examined, "document")
    gone = removed(plan, stage) if stage.filter else None
    if gone:
        yield f"−{count_text(gone)}"
    yield from _memory(stage)
    if stage.props.get("strategy"):
        yield str(stage.props["strategy"])
    scans = stage.number("collectionScans")
    if scans:
        yield plural(round(scans), "collection scan")
    if orphans := stage.number("chunkSkips"):
        yield plural(round(orphans), "orphan")


def _memory(stage: Stage) -> Iterator[str]:
    if stage.spilled:
        yield f"spills {count_text(stage.spills)} times" if stage.spills else "spills to disk"
    elif stage.memory_bytes:
        yield f"{bytes_text(stage.memory_bytes)} in memory"


def _details(stage: Stage) -> Iterator[str]:
    for name, bounds in stage.bounds.items():
        more = len(bounds) - _MOST_BOUNDS
        text = ", ".join(bounds[:_MOST_BOUNDS]) + (f", {more} more" if more > 0 else "")
        yield f"{name}: {shorten(text, 500)}"
    for name, text in stage.conditions.items():
        if name != "Sort Key":
            yield f"{name}: {text}"


def _facts(stage: Stage) -> tuple[Fact, ...]:
    """Everything that is known of a stage."""
    known = (
        ("Time", "own", _ms(stage.self_ms)),
        ("Time", "with what is below", _ms(stage.inclusive_ms)),
        ("Work", "passed on", _count(stage.total_rows)),
        ("Work", "keys examined", _count(stage.keys_examined)),
        ("Work", "documents examined", _count(stage.docs_examined)),
        ("Work", "units of work", _count(stage.works)),
        ("Work", "memory", bytes_text(stage.memory_bytes) if stage.memory_bytes else ""),
        ("What", "shard", stage.shard),
        ("What", "collection", stage.relation),
        ("What", "index", stage.index),
        ("What", "keys", shell_text(stage.key_pattern) if stage.key_pattern else ""),
        *(("Bounds", name, ", ".join(bounds)) for name, bounds in stage.bounds.items()),
        *(("Conditions", name, text) for name, text in stage.conditions.items()),
        *(
            ("More", name, value if isinstance(value, str) else shell_text(value))
            for name, value in stage.props.items()
        ),
    )
    return tuple(
        Fact(group, label, shorten(text, _LONGEST)) for group, label, text in known if text
    )


def _ms(ms: float | None) -> str:
    return "" if ms is None else ms_text(ms)


def _count(count: int | None) -> str:
    return "" if count is None else count_text(count)
