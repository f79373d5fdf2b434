"""plan.timing-overhead"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Level, Remedy, check
from dbtune.postgres.plans.impact import statement_finding
from dbtune.postgres.plans.model import Plan
from dbtune.text import count_text, ms_text

_CLOCK_MS = 25e-6
"""Reading the clock on usual hardware; on some virtual machines it takes forty times as long."""


@check("plan.timing-overhead", level=Level.info, confidence=Confidence.rule_of_thumb)
def timing_overhead(
    plan: Plan,
    *,
    min_calls: int = 1_000_000,
    min_share: float = 0.2,
) -> Iterator[Finding]:
    """Measuring itself took a large part of the time that EXPLAIN ANALYZE shows.

    Why: The clock is read twice for every row of every node. What handles many rows quickly (inner
    sides of loops, aggregates) looks slower than it is, and the statement too.

    Mistaken when: The clock is faster than 25 ns (pg_test_timing tells).

    Remedy: Measure the whole with TIMING OFF, and look at rows and buffers instead of times.

    Verify: Compare the Execution Time with TIMING ON and TIMING OFF; pg_test_timing shows what
    reading the clock takes.
    """
    if not plan.timing or not plan.total_ms:
        return
    calls = sum(
        ((node.total_rows or 0) + (node.loops or 0)) / max(1.0, node.processes)
        for node in plan.nodes
    )
    cost = min(plan.total_ms, calls * 2 * _CLOCK_MS)
    if calls < min_calls or cost < min_share * plan.total_ms:
        return
    yield statement_finding(
        plan,
        f"the clock was read about {count_text(round(2 * calls))} times: some "
        f"{ms_text(cost)} of {ms_text(plan.total_ms)} are the measuring itself",
        Remedy(
            "Measure without times per node.",
            sql="EXPLAIN (ANALYZE, TIMING OFF, BUFFERS) ...",
            effect="executes the statement",
        ),
        what="timing",
        saving_ms=cost,
        evidence={"rows_and_loops": round(calls), "overhead_ms": cost},
        level_=Level.info,
    )
