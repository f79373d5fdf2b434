"""plan.foreign-scan-filters-here"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.postgres.plans.checks import MIN_MS, MIN_SHARE, about
from dbtune.postgres.plans.impact import node_finding
from dbtune.postgres.plans.model import Plan
from dbtune.postgres.plans.scans import matters
from dbtune.text import count_text, shorten


@check("plan.foreign-scan-filters-here")
def foreign_scan_filters_here(
    plan: Plan,
    *,
    min_removed_rows: int = 1000,
    min_removed_ratio: float = 0.5,
    min_ms: float = MIN_MS,
    min_share: float = MIN_SHARE,
) -> Iterator[Finding]:
    """Rows are fetched from another server only to be dropped here.

    Why: The other server sends them all, because the condition has something in it that it is not
    trusted to evaluate alike: a function or operator of an extension, a collation, a user's
    function.

    Mistaken when: The wrapper can't send conditions at all (file_fdw).

    Remedy: Have the condition sent.

    Verify: EXPLAIN (VERBOSE): the condition stands in Remote SQL, and no Filter is left.
    """
    for node in plan.nodes:
        if node.type != "Foreign Scan" or not node.executed:
            continue
        removed = (node.removed.filter or 0) - node.removed.error
        kept = node.total_rows or 0
        if removed < min_removed_rows or removed < min_removed_ratio * (removed + kept):
            continue
        saving = None
        if node.inclusive_ms is not None:
            saving = node.inclusive_ms * removed / (removed + kept)
        if not matters(plan, node, saving, ms=min_ms, share=min_share, rows=removed):
            continue
        yield node_finding(
            plan,
            node,
            f"{about(node)} fetched {count_text(round(removed + kept))} rows and kept "
            f"{count_text(round(kept))}",
            Remedy(
                "Find what of the filter is missing in Remote SQL (EXPLAIN VERBOSE): list the "
                "extension in the foreign server's option extensions, replace functions that are "
                "not built in or not immutable by their value, and set use_remote_estimate so that "
                "the planner knows what it saves."
            ),
            saving_ms=saving,
            evidence={
                "rows_removed": round(removed),
                "rows_kept": round(kept),
                "condition": shorten(node.conditions.get("Filter", ""), 200),
            },
        )
