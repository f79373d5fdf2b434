"""The finding that all checks on estimates share; they differ in cause and remedy."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy
from dbtune.postgres.plans.checks import about
from dbtune.postgres.plans.estimates import Miss
from dbtune.postgres.plans.impact import node_finding
from dbtune.postgres.plans.model import Plan
from dbtune.postgres.plans.scans import JOINS, matters
from dbtune.text import count_text, plural, shorten

_LARGE_FACTOR = 100
"""From here on an estimate of a join's input is taken for more than a remark."""


def miss_finding(
    plan: Plan, miss: Miss, remedy: Remedy, min_ms: float, min_share: float
) -> Iterator[Finding]:
    """The finding on a wrong estimate, if what was planned by it takes time that counts.

    What a better plan would take is not known; the bound is what the node takes that was planned
    by the estimate, with everything below it.
    """
    decided = miss.decided
    bound = decided.inclusive_ms
    rows = abs(miss.actual - miss.planned) * (miss.node.loops or 0)
    if not matters(plan, decided, bound, ms=min_ms, share=min_share, rows=rows):
        return
    joined = decided.type in JOINS
    each = " each time" if (miss.node.loops or 0) > miss.node.processes * 1.5 else ""
    times = f"{count_text(round(miss.factor))} times {'more' if miss.under else 'fewer'}"
    condition = next(iter(miss.node.conditions.values()), "")
    yield node_finding(
        plan,
        miss.node,
        f"expected {plural(round(miss.planned), 'row')} and got {count_text(round(miss.actual))}"
        f"{each}, {times}; "
        f"{about(decided)} (node {decided.id}) was planned by it",
        remedy,
        saving_ms=bound,
        evidence={
            "planned_rows": miss.planned,
            "actual_rows": miss.actual,
            "factor": miss.factor,
            "loops": miss.node.loops,
            "condition": shorten(condition, 200),
            "decided_node": decided.id,
        },
        level_=Level.warning if joined and miss.factor >= _LARGE_FACTOR else Level.info,
    )
