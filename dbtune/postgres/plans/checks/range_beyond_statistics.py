"""plan.range-beyond-statistics"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Remedy, check
from dbtune.postgres.plans.checks import MIN_MS
from dbtune.postgres.plans.ddl import table_of
from dbtune.postgres.plans.estimates import MIN_FACTOR, MIN_ROWS, misses
from dbtune.postgres.plans.misses import miss_finding
from dbtune.postgres.plans.model import Plan


@check("plan.range-beyond-statistics", confidence=Confidence.estimated)
def range_beyond_statistics(
    plan: Plan,
    *,
    min_factor: float = MIN_FACTOR,
    min_rows: float = MIN_ROWS,
    min_ms: float = MIN_MS,
    min_share: float = 0.1,
) -> Iterator[Finding]:
    """A range lies beyond all values that the statistics know, so that one row is expected.

    Why: What was added since the last ANALYZE, mostly the newest rows, does not exist for the
    planner: it plans for a single row.

    Mistaken when: The range lies between known values and is narrow; then its values are unusually
    frequent.

    Remedy: ANALYZE now, and more often: by share of a large table autovacuum comes rarely.

    Verify: Plan it again after ANALYZE: the scan's planned rows are within a few times of those
    that come.
    """
    for miss in misses(plan, min_factor=min_factor, min_rows=min_rows):
        if miss.cause != "beyond":
            continue
        table = table_of(miss.node)
        remedy = Remedy(
            "Analyze the table now, and have autovacuum do so after fewer changes.",
            sql=f"ANALYZE {table};\n"
            f"ALTER TABLE {table} SET (autovacuum_analyze_scale_factor = 0.01);",
            effect="ANALYZE reads a sample of the table and blocks neither reads nor writes",
        )
        yield from miss_finding(plan, miss, remedy, min_ms, min_share)
