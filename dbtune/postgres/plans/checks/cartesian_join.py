"""plan.cartesian-join"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Remedy, check
from dbtune.postgres.plans.checks import MIN_MS, MIN_SHARE
from dbtune.postgres.plans.conditions import terms
from dbtune.postgres.plans.impact import node_finding
from dbtune.postgres.plans.model import Node, Plan
from dbtune.postgres.plans.scans import aliases, child, matters
from dbtune.text import count_text

_SEARCHED = ("Index Cond", "Recheck Cond", "Filter", "Join Filter", "TID Cond")
_HIDES_REFERENCES = (
    *("Function Scan", "Table Function Scan", "Values Scan", "Foreign Scan"),
    *("Result", "ProjectSet", "Custom Scan", "Sample Scan"),
)


@check("plan.cartesian-join")
def cartesian_join(
    plan: Plan,
    *,
    min_side_rows: float = 10,
    min_rows: float = 100_000,
    min_planned_rows: float = 10_000_000,
    min_ms: float = MIN_MS,
    min_share: float = MIN_SHARE,
) -> Iterator[Finding]:
    """Two tables are joined without a condition: every row with every row.

    Why: The result has as many rows as the product of both; mostly a join condition was forgotten.

    Mistaken when: All combinations are wanted (CROSS JOIN), for example of days and shops.

    Remedy: Add the condition that ties the tables.

    Verify: Plan it again: the join has a condition, and its rows are no longer the product of its
    sides.
    """
    for node in plan.nodes:
        if node.type != "Nested Loop" or node.join_type not in (None, "Inner", "Left"):
            continue
        outer, inner = child(plan, node, "Outer"), child(plan, node, "Inner")
        if outer is None or inner is None or not _is_unconditional(plan, node, outer, inner):
            continue
        if plan.analyzed:
            left, right = outer.total_rows or 0, inner.actual_rows or 0
            rows, least = node.total_rows or 0, min_rows
            # Each outer row was joined with the same number of inner rows.
            if not node.executed or rows < 0.99 * left * right - (inner.loops or 0):
                continue
        else:
            left, right = outer.plan_rows or 0, inner.plan_rows or 0
            rows, least = left * right, min_planned_rows
        if min(left, right) < min_side_rows or rows < least:
            continue
        saving = node.inclusive_ms if plan.analyzed else None
        if not matters(plan, node, saving, ms=min_ms, share=min_share, rows=rows):
            continue
        yield node_finding(
            plan,
            node,
            f"{count_text(round(left))} rows times {count_text(round(right))} rows "
            f"{'made' if plan.analyzed else 'are expected to make'} {count_text(round(rows))}: "
            "there is no condition that ties them",
            Remedy("Add the missing join condition; if all combinations are wanted, ignore this."),
            saving_ms=saving,
            evidence={"outer_rows": round(left), "inner_rows": round(right), "rows": round(rows)},
            confidence=None if plan.analyzed else Confidence.estimated,
        )


def _is_unconditional(plan: Plan, node: Node, outer: Node, inner: Node) -> bool:
    """Whether nothing in the plan ties both sides, as far as it can be seen."""
    if node.conditions or outer.subplan or inner.subplan:
        return False
    below = (inner, *plan.descendants(inner))
    # What these take from the outer side is shown with VERBOSE at best.
    if any(one.type in _HIDES_REFERENCES for one in below):
        return False
    names = aliases(plan, inner)
    for one in below:
        for key in _SEARCHED:
            for term in terms(one.conditions.get(key, "")):
                if term.parameter or any(c.table not in names and c.table for c in term.columns):
                    return False
    return not _constants(plan, outer) & _constants(plan, inner)


def _constants(plan: Plan, node: Node) -> set[str]:
    """Values with which columns are compared: with a.x = b.x and a.x = 5, the join is gone."""
    return {
        term.value.partition("::")[0]
        for one in (node, *plan.descendants(node))
        for key in _SEARCHED
        for term in terms(one.conditions.get(key, ""))
        if term.kind == "equality" and term.value
    }
