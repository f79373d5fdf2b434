"""plan.index-scan-in-loop"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Level, Remedy, check
from dbtune.postgres.plans.estimates import outer_miss
from dbtune.postgres.plans.impact import node_finding
from dbtune.postgres.plans.model import Plan
from dbtune.postgres.plans.scans import INDEX_SCANS, child, matters, share_text
from dbtune.text import count_text, ms_text


@check("plan.index-scan-in-loop", level=Level.info, confidence=Confidence.rule_of_thumb)
def index_scan_in_loop(
    plan: Plan,
    *,
    min_loops: int = 10_000,
    min_ms: float = 50,
    min_share: float = 0.2,
) -> Iterator[Finding]:
    """An index is searched once for each of very many rows.

    Why: Each search is quick, all of them are not; above some thousands, reading the table once
    into a hash table is often cheaper.

    Mistaken when: The table is far larger than what the loop takes from it, or LIMIT ends the loop
    early: then this is the best plan.

    Remedy: Compare with a hash join; have the index hold all columns that are needed; or ask for
    fewer rows.

    Verify: Run it with SET LOCAL enable_nestloop = off and compare the time and the blocks.
    """
    for join in plan.nodes:
        inner = child(plan, join, "Inner")
        if join.type != "Nested Loop" or inner is None or inner.type not in INDEX_SCANS:
            continue
        # plan.nested-loop-underestimated knows the reason.
        if (inner.loops or 0) < min_loops or outer_miss(plan, join) is not None:
            continue
        saving = inner.inclusive_ms
        if saving is None or not matters(plan, inner, saving, ms=min_ms, share=min_share):
            continue
        covering = (
            " Columns added with INCLUDE let the index alone answer."
            if inner.type == "Index Scan"
            else ""
        )
        yield node_finding(
            plan,
            inner,
            f"{inner.relation or inner.index} was searched {count_text(inner.loops or 0)} times, "
            f"{ms_text(saving / (inner.loops or 1) * inner.processes)} each: "
            f"{share_text(plan, saving)}",
            Remedy(
                "Compare the time with the loop forbidden; if that is faster, random_page_cost "
                f"is too low or effective_cache_size too large for this server.{covering}",
                sql="SET LOCAL enable_nestloop = off;  -- to compare, not to keep",
                effect="this transaction only",
            ),
            saving_ms=saving,
            evidence={"loops": inner.loops, "inclusive_ms": saving},
            level_=Level.info,
        )
