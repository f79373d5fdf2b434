"""Whether a plan is whole, or its end is missing although nothing is broken in what is there."""

from __future__ import annotations

from dbtune.postgres.plans.model import Node
from dbtune.postgres.plans.order import mentions
from dbtune.postgres.plans.tree import child_counts

_APPENDS = ("Append", "Merge Append")


def is_complete(nodes: tuple[Node, ...]) -> bool:
    """Whether a plan can be whole: each node has the children and numbers that it must have."""
    return (
        all(_has_children(node, nodes) for node in nodes)
        and _has_numbers(nodes[-1], nodes[0])
        and all(_has_members(node, nodes) for node in nodes if node.type in _APPENDS)
        and _has_subplans(nodes)
    )


def _plain(node: Node, nodes: tuple[Node, ...]) -> list[Node]:
    return [nodes[child] for child in node.children if nodes[child].subplan is None]


def _has_children(node: Node, nodes: tuple[Node, ...]) -> bool:
    """Whether a node has the children without which there is no node of its type."""
    least, _ = child_counts(node.type)
    return len(_plain(node, nodes)) >= least


def _has_numbers(last: Node, root: Node) -> bool:
    """Whether the last node has costs and loops if the first has."""
    return (last.total_cost is not None or root.total_cost is None) and (
        last.loops is not None or root.loops is None
    )


def _has_members(node: Node, nodes: tuple[Node, ...]) -> bool:
    """Whether the rows that an Append gave came from its members, or are at least expected so.

    An average per loop is rounded, and so is what each of several processes is expected to do.
    """
    members = _plain(node, nodes)
    if node.actual_rows is not None and node.loops:
        came = sum((one.actual_rows or 0) * (one.loops or 0) for one in members)
        rounding = sum(one.rows_step / 2 * (one.loops or 0) for one in (node, *members))
        return came + rounding >= node.actual_rows * node.loops
    return bool(members) or not node.plan_rows or "Subplans Removed" in node.props


def _has_subplans(nodes: tuple[Node, ...]) -> bool:
    """Whether the SubPlans that expressions mention are there."""
    mentioned = {name for node in nodes for name in mentions(node) if name.startswith("SubPlan ")}
    there = {(node.subplan or "").partition(" (")[0] for node in nodes}
    return mentioned <= there
