"""How many rows a plan deals with: enough to say anything about real tables?"""

from __future__ import annotations

import re
from collections.abc import Iterator

from dbtune.postgres.plan_diff.access import touched
from dbtune.postgres.plans.model import Node, Plan

_ROW_COST = 0.0125
"""cpu_tuple_cost and one cpu_operator_cost, at their defaults."""
_TYPICAL_ROW_BYTES = 100
_ROW_HEADER_BYTES = 28
_BLOCK_BYTES = 8192
_TWO_LEVELS = 0.25
"""What descending a B-tree of two levels costs (100 cpu_operator_cost): it has some 300 rows."""
_INDEX_BLOCKS = 3
_HEAP_BLOCKS = 10
"""As many as the planner takes a table to have that was never analyzed."""
_SEVERAL = re.compile(r"ANY|[@&?~#|]")
"""A condition that is searched for repeatedly, or that another kind than a B-tree serves."""


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


def uses_large_table(plan: Plan) -> bool:
    """Whether an index search shows that its table is not near-empty, however few rows it finds.

    That is so where the cost of starting an Index Scan is that of two levels, where a bitmap's
    index took three blocks (one may be the index's first, which has no rows), or where its rows
    lie in ten blocks of the table.
    """
    return any(_is_large(node) for node in plan.nodes)


def _is_large(node: Node) -> bool:
    loops = max(1, node.loops or 0)
    if node.type in ("Index Scan", "Index Only Scan"):
        return (node.startup_cost or 0) >= _TWO_LEVELS
    if node.type == "Bitmap Heap Scan":
        return (node.number("Exact Heap Blocks") or 0) >= _HEAP_BLOCKS * loops
    if node.type != "Bitmap Index Scan" or _SEVERAL.search(node.conditions.get("Index Cond", "")):
        return False
    return (touched(node.self_buffers) or 0) >= _INDEX_BLOCKS * loops


def _rows(plan: Plan) -> Iterator[float]:
    for node in plan.nodes:
        yield node.total_rows or 0
        yield (node.removed.filter or 0) + (node.removed.join_filter or 0)
        if not plan.analyzed:
            yield node.plan_rows or 0
        if node.type == "Seq Scan":
            yield rows_read(plan, node)[0]
