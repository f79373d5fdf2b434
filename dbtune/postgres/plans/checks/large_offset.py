"""plan.large-offset"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.postgres.plans.checks import MIN_MS, MIN_SHARE
from dbtune.postgres.plans.impact import node_finding
from dbtune.postgres.plans.model import Plan
from dbtune.postgres.plans.scans import matters
from dbtune.text import count_text


@check("plan.large-offset")
def large_offset(
    plan: Plan,
    *,
    min_skipped_rows: int = 1000,
    min_skipped_ratio: float = 10,
    min_ms: float = MIN_MS,
    min_share: float = MIN_SHARE,
) -> Iterator[Finding]:
    """OFFSET reads many rows only to skip them.

    Why: The rows before the page are found, joined and sorted, then thrown away; every further
    page costs more.

    Mistaken when: Nobody turns to pages that far back, and this was a test.

    Remedy: Ask for what comes after the last row seen, by the columns of the order.

    Verify: Run the new statement for a late page: the scan returns as many rows as the page has.
    """
    for node in plan.nodes:
        if node.type != "Limit" or not node.executed or not node.children:
            continue
        below = plan.nodes[node.children[0]]
        # LIMIT takes no more rows from below than it passes on, but for OFFSET and WITH TIES.
        kept = node.total_rows or 0
        skipped = (below.total_rows_min or 0) - (node.total_rows_max or 0)
        if skipped < min_skipped_rows or skipped < min_skipped_ratio * kept:
            continue
        saving = None
        if node.inclusive_ms is not None:
            saving = node.inclusive_ms * skipped / (skipped + kept)
        if not matters(plan, below, saving, ms=min_ms, share=min_share, rows=skipped):
            continue
        yield node_finding(
            plan,
            node,
            f"{count_text(round(skipped))} rows were skipped to return {count_text(round(kept))}",
            Remedy(
                "Turn pages by key: remember the last row's columns of ORDER BY (with the primary "
                "key as the last of them) and ask for what follows, with an index on them.",
                sql="-- instead of OFFSET:\n"
                "-- WHERE (created_at, id) > (:last_created_at, :last_id)\n"
                "-- ORDER BY created_at, id LIMIT :page_size",
            ),
            saving_ms=saving,
            evidence={"rows_skipped": round(skipped), "rows_returned": round(kept)},
        )
