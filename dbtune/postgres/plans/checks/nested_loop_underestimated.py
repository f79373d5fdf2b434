"""plan.nested-loop-underestimated"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.postgres.plans.checks import about
from dbtune.postgres.plans.estimates import MIN_FACTOR, origin, outer_miss
from dbtune.postgres.plans.impact import node_finding, of_time
from dbtune.postgres.plans.model import Plan
from dbtune.postgres.plans.scans import child, matters
from dbtune.text import count_text


@check("plan.nested-loop-underestimated")
def nested_loop_underestimated(
    plan: Plan,
    *,
    min_factor: float = MIN_FACTOR,
    min_loops: int = 1000,
    min_ms: float = 10,
    min_share: float = 0.2,
) -> Iterator[Finding]:
    """A nested loop was chosen for a few rows, and ran for very many.

    Why: A loop is the best join for a few rows and the worst for many; the planner expected few.

    Mistaken when: The inner side is so cheap that another join would take as long.

    Remedy: Mend the estimate of the outer side (see plan.row-estimate-off and its kin); where that
    can't be done, keep the planner from loops in this statement.

    Verify: Run it with SET LOCAL enable_nestloop = off and compare; after mending the estimate, the
    planner has to choose that by itself.
    """
    for node in plan.nodes:
        miss = outer_miss(plan, node, min_factor=min_factor, min_loops=min_loops)
        inner = child(plan, node, "Inner")
        if miss is None or inner is None:
            continue
        saving = inner.inclusive_ms
        loops = inner.loops or 0
        if not matters(plan, inner, saving, ms=min_ms, share=min_share, rows=loops):
            continue
        source = origin(plan, miss.node)
        yield node_finding(
            plan,
            node,
            f"the inner side ran {count_text(loops)} times; the planner expected "
            f"{count_text(round(miss.planned))} rows where {count_text(round(miss.actual))} came"
            + of_time(plan, saving),
            Remedy(
                f"The wrong estimate comes from node {source.id} ({about(source)}): mend it there. "
                "To see what another join would take, forbid loops once and compare.",
                sql="SET LOCAL enable_nestloop = off;  -- to compare",
                effect="this transaction only",
            ),
            saving_ms=saving,
            evidence={
                "loops": loops,
                "planned_rows": miss.planned,
                "actual_rows": miss.actual,
                "factor": miss.factor,
                "estimate_from_node": source.id,
            },
        )
