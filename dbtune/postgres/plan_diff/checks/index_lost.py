"""plan.index-lost"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.plan_diff.compare import Comparison
from dbtune.text import count_text


@check("plan.index-lost")
def index_lost(
    comparison: Comparison, *, min_rows: float = 1000, min_cost: float = 100
) -> Iterator[Finding]:
    """A table was searched by an index, and is read as a whole now.

    Why: Somebody dropped the index, or the planner does not take it any more: the condition has
    changed, statistics are old, or a setting forbids it. It gets worse as the table grows.

    Mistaken when: So many of the rows are wanted that reading the whole table is right; then the
    plan after is not slower.

    Remedy: Look whether the index still exists and is valid, ANALYZE the table, and compare the
    condition with the index's columns.
    """
    slower = comparison.measures["time"].verdict
    for change in comparison.tables:
        if not change.lost or change.after is None or change.after.indexes:
            continue
        read = change.after.rows_read or 0
        cost = sum(node.total_cost or 0 for node in change.after.nodes)
        if (read < min_rows) if comparison.after.analyzed else (cost < min_cost):
            continue
        lost = ", ".join(change.lost)
        number = (
            f"{count_text(round(read))} rows"
            if comparison.after.analyzed
            else f"a table at a cost of {count_text(cost)}"
        )
        yield Finding(
            change.after.name,
            f"{lost} was searched; now {' and '.join(change.after.types)} reads {number}",
            Remedy(
                f"Look whether {lost} still exists and is valid (\\d {change.table}), and ANALYZE "
                f"{change.table}.",
                f"ANALYZE {change.table};",
                effect="reads a sample of the table; takes no lock that stops reading or writing",
            ),
            evidence={
                "node": change.after.nodes[0].id,
                "rows_read": change.after.rows_read,
                "index": lost,
                "before_ms": change.time.before,
                "after_ms": change.time.after,
            },
            level=Level.info if slower in ("less", "same") else None,
        )
