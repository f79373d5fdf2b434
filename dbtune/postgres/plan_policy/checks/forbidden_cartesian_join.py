"""plan.forbidden-cartesian-join"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from dbtune.finding import Finding, Level, check
from dbtune.postgres.plan_policy.policy import Policy
from dbtune.postgres.plans.checks import cartesian_join as advice
from dbtune.postgres.plans.model import Plan


@check("plan.forbidden-cartesian-join", level=Level.critical)
def forbidden_cartesian_join(
    plan: Plan, policy: Policy, *, min_side_rows: float = 2, min_rows: float = 1000
) -> Iterator[Finding]:
    """The policy forbids joins without a condition.

    Why: The policy file says so. Every row is joined with every row; mostly a condition was
    forgotten.

    Mistaken when: All combinations are wanted (CROSS JOIN).

    Remedy: Add the condition that ties the tables, or an exception with a reason.
    """
    if not policy.cartesian_join:
        return
    for finding in advice.cartesian_join(
        plan,
        min_side_rows=min_side_rows,
        min_rows=min_rows,
        min_planned_rows=min_rows,
        min_ms=0,
        min_share=0,
    ):
        yield replace(finding, level=None, why="", mistaken_when="")
