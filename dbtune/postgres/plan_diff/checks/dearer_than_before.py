"""plan.dearer-than-before"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Remedy, check
from dbtune.postgres.plan_diff.compare import Comparison
from dbtune.text import count_text, significant


@check("plan.dearer-than-before", confidence=Confidence.estimated)
def dearer_than_before(
    comparison: Comparison, *, min_ratio: float = 1.5, min_cost: float = 1000
) -> Iterator[Finding]:
    """The planner expects the statement to cost more than before.

    Why: Costs under the same settings are on one scale: the planner sees no way any more that is
    as cheap as the one before.

    Mistaken when: The estimates before were wrong and are right now; so it is judged only where
    not both plans were executed.

    Remedy: Execute both with EXPLAIN (ANALYZE, BUFFERS) and compare times and blocks.
    """
    cost, time = comparison.measures["cost"], comparison.measures["time"]
    if time.verdict != "unknown" or cost.verdict != "more" or not cost.before or not cost.after:
        return
    ratio = cost.after / cost.before
    if ratio < min_ratio or cost.after - cost.before < min_cost:
        return
    yield Finding(
        "the statement",
        f"the estimated cost was {count_text(cost.before)} and is {count_text(cost.after)}, "
        f"{significant(ratio)} times as much",
        Remedy(
            "Execute both and compare what they really take.",
            "EXPLAIN (ANALYZE, BUFFERS, SETTINGS) <the statement>;",
        ),
        evidence={"before_cost": cost.before, "after_cost": cost.after, "ratio": ratio},
    )
