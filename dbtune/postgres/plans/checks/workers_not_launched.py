"""plan.workers-not-launched"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Remedy, check
from dbtune.postgres.plans.checks import MIN_MS, MIN_SHARE, worth
from dbtune.postgres.plans.impact import cautious_level, node_finding
from dbtune.postgres.plans.model import Plan
from dbtune.text import count_text


@check("plan.workers-not-launched", confidence=Confidence.estimated)
def workers_not_launched(
    plan: Plan,
    *,
    min_ms: float = MIN_MS,
    min_share: float = MIN_SHARE,
) -> Iterator[Finding]:
    """Fewer parallel workers started than were planned.

    Why: The plan was chosen because it is cheap with that many workers; with fewer it may be
    slower than another.

    Mistaken when: The server was busier than usual at that moment. Where a Gather ran several
    times, the numbers are those of its last run.

    Remedy: See how often all workers are busy (since 18 pg_stat_database counts those to launch
    and those launched). Raise max_parallel_workers and, with a restart, max_worker_processes if
    there are idle CPUs; else lower max_parallel_workers_per_gather, so that each statement plans
    with what it gets.

    Verify: Run it again at the same hour: Workers Launched is Workers Planned.
    """
    for node in plan.nodes:
        planned, launched = node.number("Workers Planned"), node.number("Workers Launched")
        if not planned or launched is None or launched >= planned or not node.executed:
            continue
        saving = None
        if node.inclusive_ms is not None:
            saving = node.inclusive_ms * (1 - (launched + 1) / (planned + 1))
        if not worth(plan, saving, min_ms, min_share):
            continue
        yield node_finding(
            plan,
            node,
            f"{count_text(launched)} of {count_text(planned)} planned workers were launched",
            Remedy(
                "All of max_parallel_workers (or max_worker_processes) were busy, or the statement "
                "ran in a way that allows none (a cursor, a result fetched in parts). If it "
                "happens often and CPUs are idle, raise max_parallel_workers.",
                sql="SHOW max_parallel_workers; SHOW max_worker_processes;\n"
                "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'parallel worker';",
            ),
            saving_ms=saving,
            level_=cautious_level(plan, saving),
            evidence={"workers_planned": round(planned), "workers_launched": round(launched)},
        )
