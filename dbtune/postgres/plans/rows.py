"""Rows of all loops: those that came, and those that were planned, made comparable.

EXPLAIN prints the rows planned for one loop. Below Gather that is one process's part of them where
the processes share the work: the planner divides by the planned workers and what the leader is
expected to add (get_parallel_divisor in costsize.c), whatever number of processes came in the end.
"""

from __future__ import annotations

from typing import Any

from dbtune.postgres.plans.model import Node, Plan
from dbtune.postgres.plans.order import GATHERS

_GROUPS = ("Aggregate", "Group", "Unique", "SetOp", "Limit")
"""Nodes of which every process returns rows of its own, as many as it would alone."""
_FEEDS = (None, "Outer", "Member", "Subquery")


def planned_totals(plan: Plan) -> list[float | None]:
    """For each node the rows planned in all loops; ``None`` where the plan does not tell."""
    gathers = _gathers(plan)
    shared = _shared(plan, gathers)
    totals: list[float | None] = []
    for node, gather in zip(plan.nodes, gathers, strict=True):
        total = None if node.plan_rows is None else node.plan_rows * (node.loops or 1)
        workers = gather.number("Workers Planned") if gather else None
        if node.plan_rows is not None and shared[node.id] and gather and workers and node.loops:
            total = node.plan_rows * divisor(workers) * (gather.loops or 1)
        totals.append(total)
    return totals


def rows_of(node: Node, planned: float | None) -> dict[str, Any]:
    """Rows of all loops with what rounding hides, and how far off the estimate was."""
    if node.actual_rows is None or node.loops is None:
        return {}
    total = node.actual_rows * node.loops
    # The average of a single loop is no average.
    error = node.rows_step / 2 * node.loops if node.loops > 1 else 0.0
    filled: dict[str, Any] = {
        "total_rows": total,
        "total_rows_min": max(0.0, total - error),
        "total_rows_max": total + error,
    }
    if node.loops and planned is not None:
        filled["planned_total_rows"] = planned
        actual, expected = (max(rows, float(node.loops)) for rows in (total, planned))
        direction = "under" if actual > expected else "over" if actual < expected else "exact"
        filled |= {
            "row_factor": max(actual / expected, expected / actual),
            "row_direction": direction,
        }
    return filled


def divisor(workers: float) -> float:
    """By what the planner divides rows that a leader and so many workers share."""
    return workers + max(0.0, 1 - 0.3 * workers)


def _gathers(plan: Plan) -> list[Node | None]:
    """For each node the Gather whose processes run it."""
    found: list[Node | None] = []
    for node in plan.nodes:
        above = None if node.parent is None else plan.nodes[node.parent]
        if above is None or node.subplan is not None:
            found.append(None)
        else:
            found.append(above if above.type in GATHERS else found[above.id])
    return found


def _shared(plan: Plan, gathers: list[Node | None]) -> list[bool]:
    """For each node whether processes share its rows, rather than each returning all of them."""
    shared = [False] * len(plan.nodes)
    for node in reversed(plan.nodes):
        if gathers[node.id] is None or node.type in _GROUPS:
            continue
        feeding = (one for one in plan.children(node) if one.relationship in _FEEDS)
        shared[node.id] = node.parallel_aware or any(
            shared[one.id] and one.type not in GATHERS for one in feeding
        )
    return shared
