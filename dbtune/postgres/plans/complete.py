"""Whether a plan is whole, or its end is missing although nothing is broken in what is there."""

from __future__ import annotations

from dbtune.postgres.plans.keys import text
from dbtune.postgres.plans.model import Node
from dbtune.postgres.plans.order import mentions
from dbtune.postgres.plans.raw import Raw, items
from dbtune.postgres.plans.tree import child_counts

_APPENDS = ("Append", "Merge Append")
_BEFORE_NODES = ("Plan", "Query Text", "Query Parameters", "Query Identifier")
_OF_EACH_NODE = ("Shared Hit Blocks", "Temp Written Blocks", "WAL Records", "WAL Bytes")
_DISABLED = 1e9
"""Less than what a method that is switched off costs before PostgreSQL 18."""


def is_complete(nodes: tuple[Node, ...], raw: Raw) -> bool:
    """Whether a plan can be whole: each node has the children and numbers that it must have.

    Args:
        nodes: the plan's nodes in tree order.
        raw: the keys that a format gave, the plan's under ``Plan``.
    """
    return (
        all(_has_children(node, nodes) for node in nodes)
        and _has_numbers(nodes[-1], nodes[0])
        and all(_has_members(node, nodes) for node in nodes if node.type in _APPENDS)
        and _has_subplans(nodes)
        and (_goes_on(raw) or (_has_keys(raw) and _has_costs(nodes)))
    )


def _goes_on(raw: Raw) -> bool:
    """Whether anything follows the nodes, so that the last of them is whole."""
    return any(key not in _BEFORE_NODES for key in raw)


def _has_keys(raw: Raw) -> bool:
    """Whether the last node has what a format prints for each node if it does for the first.

    The text format, which prints no zeros, is told from the others by "Parallel Aware": false.
    """
    last = root = raw["Plan"]
    while children := items(last.get("Plans")):
        last = children[-1]
    is_text = all(text(one.get("Parallel Aware")) != "false" for one in (root, last))
    return is_text or all(key in last for key in _OF_EACH_NODE if key in root)


def _has_costs(nodes: tuple[Node, ...]) -> bool:
    """Whether the costs of nodes that only add up their children's can come from those there are.

    Costs are rounded to 0.01. The rest is the planner's arithmetic: cost_bitmap_or_node() adds
    0.1 * cpu_operator_cost a row, create_modifytable_path() nothing; a Seq Scan starts at once
    unless its filter or target list has a SubPlan or a hashed list.
    """
    for node in nodes:
        children = _plain(node, nodes)
        missing = (node.total_cost or 0) - sum(one.total_cost or 0 for one in children)
        rounding = 0.01 * (len(children) + 1)
        if node.type in ("BitmapOr", "BitmapAnd"):
            if missing > 1 + len(children) + 0.001 * (node.plan_rows or 0):
                return False
        elif node.type == "ModifyTable" and missing > rounding + _beside(node, nodes):
            return False
    last = nodes[-1]
    plain_scan = last.type == "Seq Scan" and not last.conditions and not last.children
    return not (plain_scan and 0.01 < (last.startup_cost or 0) < _DISABLED)


def _beside(node: Node, nodes: tuple[Node, ...]) -> float:
    """What a node is charged for its InitPlans and CTEs, SS_charge_for_initplans()."""
    subplans = [nodes[child] for child in node.children if nodes[child].subplan is not None]
    return sum((one.total_cost or 0) + 0.01 for one in subplans)


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
    return bool(members) or node.plan_rows == 0 or "Subplans Removed" in node.props


def _has_subplans(nodes: tuple[Node, ...]) -> bool:
    """Whether the SubPlans that expressions mention are there."""
    mentioned = {name for node in nodes for name in mentions(node) if name.startswith("SubPlan ")}
    there = {(node.subplan or "").partition(" (")[0] for node in nodes}
    return mentioned <= there
