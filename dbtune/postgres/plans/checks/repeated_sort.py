"""plan.repeated-sort"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Remedy, check
from dbtune.postgres.plans.checks import MIN_MS, MIN_SHARE, worth
from dbtune.postgres.plans.impact import node_finding, of_time
from dbtune.postgres.plans.model import Plan
from dbtune.postgres.plans.order import plain_children
from dbtune.text import count_text, ms_text


@check("plan.repeated-sort", confidence=Confidence.estimated)
def repeated_sort(
    plan: Plan,
    *,
    min_loops: int = 10,
    min_ms: float = MIN_MS,
    min_share: float = MIN_SHARE,
) -> Iterator[Finding]:
    """A sort inside a loop runs again for each outer row.

    Why: Each run starts from nothing, though it often sorts for one row (LIMIT 1, max of group).

    Mistaken when: The sorted rows are few in each run and the outer rows are what takes the time.

    Remedy: An index on the columns that the inner side is looked up by, followed by the sort key,
    delivers each group in order; or sort once for all (DISTINCT ON, row_number()).

    Verify: Run it again: no Sort below the loop.
    """
    for node in plan.nodes:
        runs = (node.loops or 0) / max(1.0, node.processes)
        below = plain_children(plan, node)
        # The sort of a child that ran but once is only read again.
        sorted_again = any((child.loops or 0) > child.processes for child in below)
        if node.type not in ("Sort", "Incremental Sort") or runs < min_loops or not sorted_again:
            continue
        rows = below[0].actual_rows or 0
        saving = node.self_ms
        above = None if node.parent is None else plan.nodes[node.parent]
        if above is not None and above.type == "Limit" and node.inclusive_ms is not None:
            # From an index only the rows of the limit would be read.
            saving = node.inclusive_ms * (1 - min(1.0, (node.actual_rows or 0) / (rows or 1)))
        if saving is not None:
            saving = max(0.0, saving - (node.self_error_ms or 0))
        if not worth(plan, saving, min_ms, min_share):
            continue
        keys = ", ".join(node.texts("Sort Key")) or "the sort key"
        each = "" if node.self_ms is None else f", {ms_text(node.self_ms / runs)} each"
        yield node_finding(
            plan,
            node,
            f"sorts {count_text(rows)} rows (average) {count_text(round(runs))} times{each}"
            + of_time(plan, saving),
            Remedy(
                f"An index on the columns the inner side is looked up by, then {keys}, delivers "
                "each group in order; or sort all groups at once (DISTINCT ON, row_number())."
            ),
            saving_ms=saving,
            evidence={"loops": round(runs), "rows_per_loop": rows},
        )
