"""The report of ``explain flame``: plans weighed by time, blocks or cost, for pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from dbtune.errors import UsageError
from dbtune.finding import Skipped
from dbtune.plan_tree import Unit
from dbtune.postgres.explain.report import Given
from dbtune.postgres.explain.view import tree_of
from dbtune.postgres.plans.model import Plan
from dbtune.report import Report, Table
from dbtune.text import plain, plural

_UNITS: Mapping[str, Unit] = MappingProxyType({"time": "ms", "buffers": "blocks", "cost": "cost"})
_LACKING = {
    "ms": "has no times: it takes EXPLAIN ANALYZE, with TIMING ON; --by cost needs none",
    "blocks": "has no counters of blocks: it takes EXPLAIN (ANALYZE, BUFFERS)",
    "cost": "has no costs: it takes EXPLAIN with COSTS ON",
}


def report(given: Sequence[Given], by: str | None) -> Report:
    """The plans as trees, weighed by ``time``, ``buffers`` or ``cost``.

    Plans that lack it are skipped. ``None`` is time, or cost for those without times.

    Raises:
        UsageError: all of them lack it.
    """
    trees, skipped = [], []
    for number, one in enumerate(given, start=1):
        unit = _UNITS[by] if by else "ms" if _has(one.plan, "ms") else "cost"
        if _has(one.plan, unit):
            trees.append(tree_of(one.plan, (), number if len(given) > 1 else 0, unit))
        else:
            where = f"{plain(one.file) or 'standard input'}, line {one.plan.source.line}"
            skipped.append(Skipped("a plan", f"the plan at {where} {_LACKING[unit]}"))
    if not trees:
        more = len(skipped) - 1
        others = f" (and {plural(more, 'other')})" if more else ""
        raise UsageError(f"nothing to draw: {skipped[0].reason}{others}")
    table = Table("plans", "", (), ({},) * len(trees), trees=tuple(trees))
    return Report("explain flame", (table,), skipped=tuple(skipped))


def _has(plan: Plan, unit: Unit) -> bool:
    if unit == "ms":
        return plan.timing and bool(plan.total_ms)
    if unit == "blocks":
        return any(node.self_buffers for node in plan.nodes)
    return any(node.self_cost for node in plan.nodes)
