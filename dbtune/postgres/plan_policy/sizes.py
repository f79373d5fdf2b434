"""How many rows a plan deals with: enough to say anything about real tables?"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.postgres.plans.model import Node, Plan

_ROW_COST = 0.0125
"""cpu_tuple_cost and one cpu_operator_cost, at their defaults."""
_TYPICAL_ROW_BYTES = 100
_ROW_HEADER_BYTES = 28
_BLOCK_BYTES = 8192
_TWO_LEVELS = 0.25
"""What descending a B-tree of two levels costs (100 cpu_operator_cost): it has some 300 rows."""


def rows_read(plan: Plan, node: Node) -> tuple[float, bool]:
    """Rows that a scan of a whole table reads, in all loops; and whether that was counted.

    Where it was not executed and has a filter, the plan has only the rows that pass; those read
    are then estimated from its cost: a block costs 1 and a row 0.0125, and rows are taken to have
    100 bytes at least.
    """
    if plan.analyzed:
        return (node.total_rows or 0) + (node.removed.filter or 0), True
    planned = node.plan_rows or 0
    if "Filter" not in node.conditions or node.total_cost is None:
        return planned, False
    size = max(_TYPICAL_ROW_BYTES, (node.plan_width or 0) + _ROW_HEADER_BYTES)
    return max(planned, node.total_cost / (_ROW_COST + size / _BLOCK_BYTES)), False


def most_rows(plan: Plan) -> float:
    """The most rows that the plan shows anywhere: read, dropped, passed on or expected."""
    return max(_rows(plan), default=0)


def has_large_index(plan: Plan) -> bool:
    """Whether an index of more than one level was searched: its table is not near-empty."""
    return any(
        node.type in ("Index Scan", "Index Only Scan") and (node.startup_cost or 0) >= _TWO_LEVELS
        for node in plan.nodes
    )


def _rows(plan: Plan) -> Iterator[float]:
    for node in plan.nodes:
        yield node.total_rows or 0
        yield (node.removed.filter or 0) + (node.removed.join_filter or 0)
        if not plan.analyzed:
            yield node.plan_rows or 0
        if node.type == "Seq Scan":
            yield rows_read(plan, node)[0]
