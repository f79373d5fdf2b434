"""mongo.plans-close"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Level, Remedy, check
from dbtune.mongo.plans.checks import on_stage
from dbtune.mongo.plans.model import Plan
from dbtune.text import shorten, significant

_ENOUGH = 90
"""A trial ends when a plan has returned 101 (internalQueryPlanEvaluationMaxResults)."""


@check("mongo.plans-close", level=Level.info, confidence=Confidence.estimated)
def plans_close(
    plan: Plan, *, max_score_difference: float = 0.05, min_works: int = 1000
) -> Iterator[Finding]:
    """A rejected plan did nearly as well as the winner, so the choice may change from run to run.

    Why: Plans are chosen by a trial of at most 101 documents with the values of that moment, and
    the winner is kept for later values, until it takes ten times the work. Two that are close mean
    that the same operation is fast today and slow tomorrow.

    Mistaken when: Both plans are equally good for all values.

    Remedy: An index that is clearly better for it, or drop the one that does not help; a hint
    only where neither is possible.
    """
    score = plan.winner_score
    if score is None:
        return
    for one in plan.rejected:
        if one.score is None or score - one.score > max_score_difference:
            continue
        if (one.rows or 0) < _ENOUGH and (one.works or 0) < min_works:
            continue  # both were done within the trial: whichever is chosen, it is fast
        scan = next((node for node in plan.nodes if node.index), plan.root)
        yield on_stage(
            plan,
            scan,
            f"the rejected plan {shorten(one.summary, 120)} scored {significant(one.score, 4)}, "
            f"the winner {significant(score, 4)}",
            Remedy(
                "Make one index clearly better for it (equality, sort, range), or drop the one "
                "that does not help; compare both with hint() and executionStats."
            ),
            evidence={"rejected_score": one.score, "winner_score": score},
        )
        return
