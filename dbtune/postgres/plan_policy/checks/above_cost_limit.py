"""plan.above-cost-limit"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.plan_policy.policy import Policy
from dbtune.text import count_text


@check("plan.above-cost-limit", level=Level.critical)
def above_cost_limit(cost: float, policy: Policy) -> Iterator[Finding]:
    """The planner expects the statement to cost more than the policy allows.

    Why: The policy file has a limit for it.

    Mistaken when: Costs are the planner's estimate; they mean something only where
    settings and data are like production's.

    Remedy: See dbtune explain for what it is spent on, or add an exception with a reason.
    """
    limit = policy.max_cost
    if limit is None or cost <= limit:
        return
    yield Finding(
        "the statement",
        f"the estimated cost is {count_text(cost)}; the policy allows {count_text(limit)}",
        Remedy("See dbtune explain for what it is spent on."),
        evidence={"cost": cost, "limit": limit},
    )
