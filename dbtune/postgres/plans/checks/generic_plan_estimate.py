"""plan.generic-plan-estimate"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.postgres.plans.checks import MIN_MS
from dbtune.postgres.plans.estimates import MIN_FACTOR, MIN_ROWS, misses
from dbtune.postgres.plans.misses import miss_finding
from dbtune.postgres.plans.model import Plan


@check("plan.generic-plan-estimate")
def generic_plan_estimate(
    plan: Plan,
    *,
    min_factor: float = MIN_FACTOR,
    min_rows: float = MIN_ROWS,
    min_ms: float = MIN_MS,
    min_share: float = 0.1,
) -> Iterator[Finding]:
    """A plan made for any value of a parameter does not fit the one it was run with.

    Why: After five executions of a prepared statement the server may keep one plan for all values;
    it expects the average, and this value is far from it.

    Mistaken when: Such values are rare, and planning anew each time would cost more.

    Remedy: Have this statement planned for its values.

    Verify: Compare EXPLAIN (ANALYZE) EXECUTE under plan_cache_mode = force_custom_plan and
    force_generic_plan.
    """
    for miss in misses(plan, min_factor=min_factor, min_rows=min_rows):
        if miss.cause == "parameter":
            remedy = Remedy(
                "Compare with a plan made for the values; if it is better, set plan_cache_mode for "
                "the role or the transaction that runs the statement.",
                sql="SET LOCAL plan_cache_mode = force_custom_plan;",
                effect="this transaction only; the statement is planned at each execution",
            )
            yield from miss_finding(plan, miss, remedy, min_ms, min_share)
