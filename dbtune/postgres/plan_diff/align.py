"""Which node of one plan is which node of another: by table and alias, else by shape."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import NamedTuple

from dbtune.postgres.plan_diff.access import scan_of
from dbtune.postgres.plans.model import Node, Plan
from dbtune.postgres.plans.scans import JOINS


class Pair(NamedTuple):
    """A node and what became of it; one of the two is ``None`` if it came or went."""

    before: Node | None
    after: Node | None


def align(before: Plan, after: Plan) -> list[Pair]:
    """Every node of both plans exactly once, pairs first where a plan before has them.

    Scans are known by table and alias, then by either; other nodes by what they do on which
    tables, then by what they do.
    """
    left, right = list(before.nodes), list(after.nodes)
    found: dict[int, Node] = {}
    steps: tuple[Callable[[Plan, Node], Hashable | None], ...] = (
        _scan_key,
        lambda plan, node: _named(plan, node, lambda scan: scan.alias),
        lambda plan, node: _named(plan, node, lambda scan: scan.relation),
        lambda plan, node: (kind(node), _tables(plan, node)) if _is_step(plan, node) else None,
        lambda plan, node: kind(node) if _is_step(plan, node) else None,
    )
    for key in steps:
        waiting: dict[Hashable, list[Node]] = {}
        for node in right:
            if (name := key(after, node)) is not None:
                waiting.setdefault(name, []).append(node)
        for node in list(left):
            same = waiting.get(key(before, node))
            if same:
                found[node.id] = same.pop(0)
                left.remove(node)
                right.remove(found[node.id])
    pairs = [Pair(node, found.get(node.id)) for node in before.nodes]
    return pairs + [Pair(None, node) for node in right]


def kind(node: Node) -> str:
    """What a node is for, whatever method it uses: all joins are one kind."""
    if node.type in JOINS:
        return "join"
    if node.type in ("Sort", "Incremental Sort"):
        return "sort"
    return "aggregate" if node.type in ("Aggregate", "Group") else node.type


def shape(plan: Plan) -> tuple[Hashable, ...]:
    """What makes two plans the same: methods, tables, aliases and indexes, and no number."""
    return tuple(
        (
            *(node.depth, node.label, node.relation, node.alias),
            *(node.index, node.cte, node.function, node.subplan, node.join_type),
        )
        for node in plan.nodes
    )


def join_order(plan: Plan) -> str:
    """The joins of a plan, outer side first: ``((orders hash customers) loop lines)``."""
    return _joins(plan, plan.root)


_WORDS = {"Nested Loop": "loop", "Hash Join": "hash", "Merge Join": "merge"}


def _joins(plan: Plan, node: Node) -> str:
    if node.relation and scan_of(plan, node) is node:
        return node.alias or node.relation
    below = [
        text
        for one in plan.children(node)
        if one.relationship not in ("InitPlan", "SubPlan") and (text := _joins(plan, one))
    ]
    if node.type in JOINS:
        return f"({f' {_WORDS[node.type]} '.join(below)})" if below else ""
    if not below:
        return node.alias or node.cte or node.function or ""
    return below[0] if len(below) == 1 else f"[{', '.join(below)}]"


def _is_step(plan: Plan, node: Node) -> bool:
    return scan_of(plan, node) is None


def _scan_key(plan: Plan, node: Node) -> Hashable | None:
    scan = scan_of(plan, node)
    if scan is None:
        return None
    part = (node.index or node.type) if scan is not node else ""
    return scan.relation, scan.alias, part


def _named(plan: Plan, node: Node, name: Callable[[Node], str | None]) -> Hashable | None:
    scan = scan_of(plan, node)
    return name(node) if scan is node else None


def _tables(plan: Plan, node: Node) -> tuple[str, ...]:
    return _sorted(one.alias or one.relation for one in (node, *plan.descendants(node)))


def _sorted(names: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(sorted({name for name in names if name}))
