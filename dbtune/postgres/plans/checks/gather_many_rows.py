"""plan.gather-many-rows"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Remedy, check
from dbtune.postgres.plans.checks import MIN_MS, worth
from dbtune.postgres.plans.impact import node_finding, of_time
from dbtune.postgres.plans.model import Plan
from dbtune.text import count_text


@check("plan.gather-many-rows", confidence=Confidence.estimated)
def gather_many_rows(
    plan: Plan,
    *,
    min_rows: int = 500_000,
    min_ms: float = MIN_MS,
    min_share: float = 0.1,
) -> Iterator[Finding]:
    """Parallel workers hand very many rows to the leader.

    Why: Each row is copied through a queue and read by one process, so that the leader becomes
    what everybody waits for.

    Mistaken when: All rows are wanted, and making them costs the workers more than handing over.

    Remedy: Let the workers aggregate. They do for aggregates that can be combined: not with
    DISTINCT or ORDER BY inside, not for string_agg and array_agg before 16, nor for functions of
    your own without COMBINEFUNC and PARALLEL SAFE.

    Verify: Run it again: a Partial Aggregate below the Gather, and few rows through it.
    """
    for node in plan.nodes:
        rows = node.total_rows or 0
        if node.type not in ("Gather", "Gather Merge") or rows < min_rows:
            continue
        if not worth(plan, node.self_ms, min_ms, min_share):
            continue
        above = None if node.parent is None else plan.nodes[node.parent]
        grouped = above is not None and above.type in ("Aggregate", "Group", "Unique")
        advice = (
            "The rows are aggregated above: see which aggregate keeps it from being done in the "
            "workers (DISTINCT or ORDER BY inside, no combine function, not PARALLEL SAFE)."
            if grouped
            else "If all rows are wanted, compare with max_parallel_workers_per_gather = 0; a "
            "higher parallel_tuple_cost makes the planner avoid such plans."
        )
        yield node_finding(
            plan,
            node,
            f"{count_text(round(rows))} rows went through the workers' queues"
            + of_time(plan, node.self_ms),
            Remedy(
                advice,
                sql=""
                if grouped
                else "SET LOCAL max_parallel_workers_per_gather = 0;  -- to compare",
            ),
            saving_ms=node.self_ms,
            evidence={"rows": round(rows)},
        )
