"""plan.uneven-workers"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Remedy, check
from dbtune.postgres.plans.checks import worth
from dbtune.postgres.plans.impact import cautious_level, node_finding
from dbtune.postgres.plans.model import Node, Plan
from dbtune.text import ms_text


@check("plan.uneven-workers", confidence=Confidence.estimated)
def uneven_workers(
    plan: Plan,
    *,
    min_factor: float = 1.8,
    min_ms: float = 50,
    min_share: float = 0.1,
) -> Iterator[Finding]:
    """One of the parallel processes does most of the work while the others are done.

    Why: The statement lasts as long as its slowest process; the others' help is lost.

    Mistaken when: The leader had to read the workers' rows and left the scan to them; then the
    processes are uneven, but none is waited for.

    Remedy: Work that comes in few large pieces cannot be shared: one large partition below a
    Parallel Append that is scanned by a single process, few large groups, one huge index entry.
    Make the large piece's own scan parallel (table option parallel_workers).

    Verify: EXPLAIN (ANALYZE, VERBOSE): the workers' rows and times are near each other.
    """
    for gather in plan.nodes:
        if gather.type not in ("Gather", "Gather Merge") or (gather.loops or 0) != 1:
            continue
        for node in plan.children(gather):
            times = _times(node)
            if node.subplan is not None or len(times) < 2:
                continue
            longest, mean = max(times), sum(times) / len(times)
            saving = longest - mean
            if mean <= 0 or longest < min_factor * mean:
                continue
            if not worth(plan, saving, min_ms, min_share):
                continue
            yield node_finding(
                plan,
                gather,
                f"the slowest of {len(times)} processes took {ms_text(longest)}, "
                f"the average {ms_text(mean)}",
                Remedy(
                    "Look at the rows of each worker (EXPLAIN with VERBOSE) for the piece that one "
                    "process got alone. For a large partition: "
                    "ALTER TABLE ... SET (parallel_workers = 4)."
                ),
                saving_ms=saving,
                level_=cautious_level(plan, saving),
                evidence={
                    "processes": len(times),
                    "longest_ms": longest,
                    "mean_ms": mean,
                    "shortest_ms": min(times),
                },
            )


def _times(node: Node) -> list[float]:
    """What each process took; the leader has what is not the workers'."""
    if not node.workers or node.actual_total_ms is None or not node.loops:
        return []
    workers = [
        (one.total_ms or 0.0) * (one.loops or 0) for one in node.workers if one.loops is not None
    ]
    left = node.loops - sum(one.loops or 0 for one in node.workers)
    if left <= 0 or not workers:
        return workers
    return [*workers, max(0.0, node.actual_total_ms * node.loops - sum(workers))]
