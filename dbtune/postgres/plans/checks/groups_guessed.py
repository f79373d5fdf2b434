"""plan.groups-guessed"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Level, Remedy, check
from dbtune.postgres.plans.checks import MIN_MS
from dbtune.postgres.plans.estimates import MIN_FACTOR, decided_by
from dbtune.postgres.plans.impact import node_finding
from dbtune.postgres.plans.model import Node, Plan
from dbtune.postgres.plans.scans import matters
from dbtune.text import count_text, shorten

_GUESS = 200
"""DEFAULT_NUM_DISTINCT in selfuncs.h."""
_GROUPING = ("Aggregate", "Group", "Unique")


@check("plan.groups-guessed", level=Level.info, confidence=Confidence.estimated)
def groups_guessed(
    plan: Plan,
    *,
    min_factor: float = MIN_FACTOR,
    min_ms: float = MIN_MS,
    min_share: float = 0.1,
) -> Iterator[Finding]:
    """The planner took 200 groups because it knows nothing of the values, and far more came.

    Why: There are no statistics on rows of a CTE, a function or a sub-query that can't be merged;
    200 different values are assumed, and joins, sorts and hash tables are planned for that.

    Mistaken when: There really were 200 when the table was analyzed.

    Remedy: Let the planner see the table: NOT MATERIALIZED, or grouping in the sub-query; or put
    the rows into a temporary table and ANALYZE it.

    Verify: Plan it again: the planned groups are within a few times of those that come.
    """
    for node in plan.nodes:
        if node.type not in _GROUPING or node.plan_rows != _GUESS:
            continue
        groups = node.actual_rows or 0
        decided = node if _spilled(node) else decided_by(plan, node)
        if groups < min_factor * _GUESS or decided is None:
            continue
        bound = decided.inclusive_ms
        if not matters(plan, decided, bound, ms=min_ms, share=min_share, rows=groups):
            continue
        keys = shorten(", ".join(node.texts("Group Key")), 120)
        yield node_finding(
            plan,
            node,
            f"{_GUESS} groups were assumed and {count_text(round(groups))} came"
            + (f"; #{decided.id} {decided.label} was planned by that" if decided != node else ""),
            Remedy(
                f"Let the planner know how many values {keys or 'the columns'} have: write the CTE "
                "NOT MATERIALIZED, or put the rows into a temporary table and ANALYZE it."
            ),
            saving_ms=bound,
            evidence={"planned_rows": _GUESS, "actual_rows": groups, "decided_node": decided.id},
            level_=Level.info,
        )


def _spilled(node: Node) -> bool:
    return (node.number("HashAgg Batches") or 0) > 1
